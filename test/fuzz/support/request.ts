/** A request to one of the broker's doors, and what its makers share. */
import type { Beside, MessageType } from "@lepta/protocol";
import type { Draft, Hand } from "../../peer-sdk/support/hand.ts";
import type { Draw } from "./random.ts";

/** What a door gets: the signed message and what goes beside it in the seal. */
export interface Request {
  readonly type: MessageType;
  readonly signed: Uint8Array;
  readonly beside: Beside;
}

/** Tools of the makers: each exchanges some values where there is a draw. */
export interface Tools {
  readonly sign: (hand: Hand, type: MessageType, fields: Draft, draw?: Draw) => Promise<Uint8Array>;
  readonly inside: (body: Uint8Array, draw?: Draw) => Uint8Array;
  readonly either: (draw?: Draw) => Hand;
  readonly toBroker: (fields: Draft) => Draft;
}
