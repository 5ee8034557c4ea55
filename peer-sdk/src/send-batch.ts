/** One batch of notices and statements on its way to the broker, and what the broker's signed acknowledgement says of it. */
import {
  type Digest,
  entryDigest,
  equalBytes,
  isRefusal,
  LeptaError,
  limits,
  noticeBatch,
  type Or,
  type Refusal,
  refuse,
  type Signed,
  toText,
  treeHash,
} from "@lepta/protocol";
import { askAt } from "./doors.ts";
import { moreDoors } from "./more-doors.ts";
import type { Party } from "./party.ts";

/** A batch that the broker has acknowledged to us, under its signature. */
export interface AcknowledgedBatch {
  /** The broker's answer: a COSE_Sign1. */
  readonly acknowledgement: Uint8Array;
  /** Of the broker's key that signed it; undefined where the list shows it no more. */
  readonly certificate: Uint8Array | undefined;
  readonly entries: readonly AcknowledgedEntry[];
  /** What was not recorded, by its index: the broker's code. */
  readonly refused: ReadonlyMap<number, string>;
}

export interface AcknowledgedEntry {
  readonly bytes: Uint8Array;
  /** Its place in the batch, and so in the tree. */
  readonly index: number;
  /** Its leaf in the tree: the digest of its payload or statement. */
  readonly digest: Digest;
}

/** Sends one batch. An acknowledgement of anything but exactly these entries, in their order, is a `wrong-reference`. */
export async function sendBatch(
  party: Party,
  entries: readonly Uint8Array[],
): Promise<Or<AcknowledgedBatch>> {
  const { link, runtime } = party;
  const txn = toText(runtime.random(16));
  const batch = await party.sign(noticeBatch, { to: link.network, txn, entries });
  const sealed = await seal(party, batch);
  if (isRefusal(sealed)) return sealed;
  const answer = await askAt(party, moreDoors.notices, sealed, { txn, digest: batch.digest });
  if (isRefusal(answer)) return answer;
  const { count, tree, refused } = answer.payload;
  const leaves = entries.map(entryDigest);
  if (count !== entries.length || !equalBytes(tree, treeHash(leaves))) return refuse("wrong-reference");
  return {
    acknowledgement: answer.signed,
    certificate: link.certificateOf(answer.sign1.kid),
    entries: entries.map((bytes, index) => ({ bytes, index, digest: toText(leaves[index] ?? NOTHING) })),
    // What it says of places that the batch does not have says nothing.
    refused: new Map(refused.filter(([index]) => index < entries.length)),
  };
}

/** The key that we seal to may have ended, and the broker be away: that is no fault of ours. */
async function seal({ link }: Party, batch: Signed<typeof noticeBatch>): Promise<Uint8Array | Refusal> {
  try {
    return await link.seal(batch);
  } catch (error) {
    if (error instanceof LeptaError) return refuse(error.code, error.message);
    throw error;
  }
}

const NOTHING = new Uint8Array(0);

/** As many of the first as go into one batch: entries with their ids, oldest first. */
export function fitting<E extends readonly [string, Uint8Array]>(
  entries: readonly E[],
  most: number,
): readonly E[] {
  let [count, bytes] = [0, 0];
  for (const [, { length }] of entries) {
    bytes += length;
    // One alone always goes: no entry is as long as a batch.
    if (count === most || (count > 0 && bytes > limits.outboxBytes)) break;
    count += 1;
  }
  return entries.slice(0, count);
}

/**
 * How many entries go into the next batch: all that fit while the broker takes them. Where it refuses a batch for what is in
 * it, half as many, until the culprit stands alone; where it is away or too slow, half as many, until it answers.
 */
export class BatchSize {
  #most: number = limits.batchEntries;
  /** Among so many of the first is one for which the broker has refused a batch; 0 where there is none. */
  #suspected = 0;

  get next(): number {
    const most = Math.min(this.#most, limits.outboxBatch);
    return this.#suspected === 0 ? most : Math.max(1, Math.min(most, Math.ceil(this.#suspected / 2)));
  }

  /** The broker has acknowledged so many. */
  taken(count: number): void {
    this.#suspected = Math.max(0, this.#suspected - count);
    this.#most = Math.min(limits.batchEntries, this.#most * 2);
  }

  /** It has refused so many for one of them: for this one where it was alone. */
  refused(count: number): void {
    this.#suspected = count === 1 ? 0 : count;
    // It may be one that refuses everything: that is found out with as little as can be.
    if (count === 1) this.#most = 1;
  }

  /** It has not answered so many. */
  unanswered(count: number): void {
    this.#most = Math.max(1, Math.floor(count / 2));
  }
}
