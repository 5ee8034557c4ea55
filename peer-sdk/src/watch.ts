/** For those who look on while messages pass: a diagram, an inspector, a log. They change nothing and cannot stop anything. */
import {
  type AnyOpened,
  type IsVerified,
  isRefusal,
  type MessageType,
  type Opened,
  type Or,
} from "@lepta/protocol/core";

/** A message as it passed. */
export interface PassedMessage {
  /** Milliseconds. */
  readonly at: number;
  /** UIDs; the broker goes by its network, and whoever is not known yet by an empty text. */
  readonly from: string;
  readonly to: string;
  /** The message's type, or of an item of a session its name in docs/protocol.md section 13. */
  readonly type: string;
  readonly txn?: string;
  /** The signed message or the item, as it is inside the seal. */
  readonly bytes: Uint8Array;
}

/** Told of every message that a peer signs and of every one that it takes, and on lanes of every item. */
export type Watch = (passed: PassedMessage) => void;

/** The same, whose own faults stay its own: money goes on. */
export function carefully(watch: Watch | undefined): Watch | undefined {
  if (watch === undefined) return undefined;
  return (passed) => {
    try {
      watch(passed);
    } catch {
      // Whoever looks on has nothing to say here.
    }
  };
}

/** Tells of a message that was taken, and hands it on. */
export function took<O extends AnyOpened>(
  watch: Watch | undefined,
  at: number,
  taken: Or<O & IsVerified>,
): Or<O & IsVerified> {
  if (watch === undefined || isRefusal(taken)) return taken;
  const { signed, payload } = taken as unknown as Opened<MessageType>;
  const { from, to, type, txn } = payload;
  watch({ at, from, to, type, txn, bytes: signed });
  return taken;
}
