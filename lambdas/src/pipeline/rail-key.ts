/** The keys under which the rail is called: the same call always has the same key, so that it happens once. */
import { idBytes, sha256, type Txn, toText, type Uid, utf8 } from "@lepta/protocol";

/** SHA-256(way ‖ network ‖ UID ‖ txn): "fund" for money in, "pay" for money out. */
export const railKey = (way: "fund" | "pay", network: Uid, uid: Uid, txn: Txn): string =>
  toText(sha256(utf8(way), idBytes(network), idBytes(uid), idBytes(txn)));
