/** The first head of a peer's audit chain. */
import { sha256, type Uid, utf8 } from "@lepta/protocol";

/** SHA-256 over the network and the peer: two peers' chains never share a head. */
export const genesis = (network: Uid, uid: Uid): Uint8Array =>
  sha256(utf8(`lepta/1 chain\0${network}\0${uid}`));
