/** A customer's questions to the broker about its own transactions. */
import {
  abort,
  isRefusal,
  LeptaError,
  type MessageType,
  orThrow,
  query,
  readMessage,
  type TransactionState,
  toText,
  type VerifiedOf,
} from "@lepta/protocol";
import { askAt } from "../doors.ts";
import { moreDoors } from "../more-doors.ts";
import { type Party, REQUEST_LIFE } from "../party.ts";

export interface Answered<M extends MessageType> {
  readonly state: TransactionState;
  /** The answer to the transaction's own request, once it is decided: where it is of another kind than was asked for, there is none. */
  readonly decision: VerifiedOf<M> | undefined;
}

/** How a transaction of ours stands, or, with `abort`, how it ended. Throws `unreachable` and the broker's own codes. */
export async function askBroker<M extends MessageType>(
  party: Party,
  type: typeof query | typeof abort,
  subject: string,
  decisions: readonly M[],
): Promise<Answered<M>> {
  const { link, identity, runtime } = party;
  const txn = toText(runtime.random(16));
  const expiresAt = runtime.now() + REQUEST_LIFE;
  const initiator = identity.uid;
  const request = await party.sign(type, { to: link.network, txn, expiresAt, initiator, subject });
  const door = type === query ? moreDoors.query : moreDoors.abort;
  const named = { txn, digest: request.digest };
  const answer = orThrow(await askAt(party, door, await link.seal(request), named));
  const { payload, attachments, secrets } = answer;
  if (payload.initiator !== initiator || payload.subject !== subject) throw new LeptaError("wrong-reference");
  const { state } = payload;
  const [attached] = attachments;
  if (attached === undefined) return { state, decision: undefined };
  const opened = readMessage(attached, decisions, { secrets });
  if (isRefusal(opened)) return { state, decision: undefined };
  return { state, decision: orThrow(await link.verify(opened, "decide", identity.uid)) };
}

/**
 * The decision of a transaction from the broker's record; one that it has not decided is aborted, and then there is none.
 * Throws `pending` where it can be neither.
 */
export async function endAtBroker<M extends MessageType>(
  party: Party,
  txn: string,
  type: M,
): Promise<VerifiedOf<M> | undefined> {
  const asked = await askBroker(party, query, txn, [type]);
  if (asked.decision !== undefined) return asked.decision;
  // What cannot be aborted is not asked to be.
  if (UNENDING.has(asked.state)) throw new LeptaError("pending", txn);
  const ended = await askBroker(party, abort, txn, [type]);
  if (ended.decision !== undefined || ended.state === "aborted" || ended.state === "refused")
    return ended.decision;
  throw new LeptaError("pending", txn);
}

const UNENDING: ReadonlySet<TransactionState> = new Set(["charging", "charged", "paying", "disputed"]);
