/** A session with a merchant, as the rest of a wallet sees it. */
import type { Credential, ErrorCode } from "@lepta/protocol";
import type { Session } from "../../session/session.ts";
import type { Lane } from "./lane.ts";

/** The credentials of both who sign, as they showed them to each other in this session. */
export interface Signers {
  readonly ours: Credential;
  readonly merchant: Credential;
  /** When, in milliseconds. */
  readonly metAt: number;
}

/** One session with one merchant. */
export interface MerchantSession {
  readonly session: Session;
  readonly signers: Signers;
  /** Lanes whose answers come in this session, by number. */
  readonly lanes: Map<number, Lane>;
  /**
   * Sends an item that asks to open or resume a lane; tells whether it stands at its merchant as it does with us. Throws the
   * merchant's code.
   */
  standing(number: number, item: Uint8Array): Promise<boolean>;
  /** Closes a lane; resolves when its merchant has our closing signature. Throws its code, or `unreachable`. */
  closed(lane: Lane): Promise<void>;
  /** Takes up the lanes of earlier sessions, when the session is new. Throws `unreachable` where it breaks meanwhile. */
  resumeLanes(): Promise<void>;
  /** Closes the lanes that the choice falls on, all of them by default. What cannot be closed now stays. */
  closeLanes(isChosen?: (lane: Lane) => boolean): Promise<void>;
  /** Sends a closing signature that its merchant may lack; resolves when it has it. Throws likewise. */
  signed(number: number, signature: Uint8Array): Promise<void>;
  /** Sends a signed message and brings the answer. Throws `unreachable`. */
  ask(content: Uint8Array): Promise<Uint8Array>;
  /** What the merchant says is not what we know: the lane is lost, and with it the session. */
  disagree(lane: Lane | undefined, code: ErrorCode): void;
}
