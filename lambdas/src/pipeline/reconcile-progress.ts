/** How far a run has come, between two calls: plain JSON, without secrets, of a size that does not grow with the table. */
import { limits } from "@lepta/protocol";
import { type BookSums, newSums } from "../broker/books.ts";
import type { Finding } from "../broker/reconcile/findings.ts";
import type { ChainEnd, PeerAudit } from "../broker/reconcile/peer-audit.ts";
import type { Item, Key } from "../ports/store.ts";

/** One peer whose chain is to be read, or is being read. */
export interface PeerProgress {
  readonly uid: string;
  /** How often its purse had moved while its chain was read. */
  readonly tries: number;
  /** SHA-256 of the purse and of what is carried, as they were before the chain was read. */
  readonly seen?: string;
  readonly end?: ChainEnd;
  readonly after?: string;
  readonly audit?: PeerAudit;
}

export interface Progress {
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Where the next page begins; `start` and `end` of the table. */
  readonly after: Key | "end" | undefined;
  /** Those whose purses the last page held: at most as many as a page has items. */
  readonly peers: readonly PeerProgress[];
  /** Decimal. */
  readonly sums: { readonly books: Readonly<Record<string, string>>; readonly isSound: boolean };
  /** Something that was read was decided since the run began. */
  readonly touched: boolean;
  readonly items: number;
  readonly unsettled: number;
  readonly findings: readonly Finding[];
  readonly more: number;
  /** What the first run over the table found missing, where this is the second. */
  readonly imbalance?: string;
}

/** How many findings a run names; it counts the others. */
export const FINDINGS = 100;

export const begin = (now: number): Progress => ({
  startedAt: now,
  after: undefined,
  peers: [],
  sums: writeSums(newSums()),
  touched: false,
  items: 0,
  unsettled: 0,
  findings: [],
  more: 0,
});

/** The same run once more over the whole table, to see whether the imbalance stays. */
export const restart = (progress: Progress, now: number, imbalance: bigint): Progress => ({
  ...begin(now),
  findings: progress.findings,
  more: progress.more,
  imbalance: imbalance.toString(),
});

/** Takes findings in; one that is there already is not told twice. */
export function note(progress: Progress, findings: readonly Finding[]): Progress {
  const known = new Set(progress.findings.map(spell));
  const fresh = findings.filter((each) => !known.has(spell(each)));
  const room = FINDINGS - progress.findings.length;
  return {
    ...progress,
    findings: [...progress.findings, ...fresh.slice(0, room)],
    more: progress.more + Math.max(0, fresh.length - room),
  };
}

const spell = ({ name, key }: Finding): string => `${name}\n${key.pk}\n${key.sk}`;

const TIMES = ["decidedAt", "at", "since", "enrolledAt"] as const;

/** Whether an item says that it was decided since then, by a clock that may differ from ours. */
export const wasTouched = (item: Item, startedAt: number): boolean =>
  TIMES.some((name) => Number(item[name] ?? 0) >= startedAt - limits.clockSkew);

export const readSums = ({ books, isSound }: Progress["sums"]): BookSums => ({
  books: Object.fromEntries(
    Object.entries(books).map(([name, value]) => [name, BigInt(value)]),
  ) as BookSums["books"],
  isSound,
});

export const writeSums = ({ books, isSound }: BookSums): Progress["sums"] => ({
  books: Object.fromEntries(Object.entries(books).map(([name, value]) => [name, value.toString()])),
  isSound,
});
