/**
 * Checks the table while it is being written (design section 6, rule 6). The whole table is read in pages; every item is
 * judged together with the items that it names. What seems wrong is looked at again with all that it is compared with as
 * of one moment: every commit keeps what is checked, so a write in between is never taken for damage.
 */
import { thumbprint } from "@lepta/protocol";
import { type BrokerBooks, closeBooks, countItem, imbalance } from "../broker/books.ts";
import type { Finding, FindingName } from "../broker/reconcile/findings.ts";
import type { Look } from "../broker/reconcile/look.ts";
import { lookAt } from "../broker/reconcile/look-at.ts";
import { keyItems, signingPurposes } from "../custody/key-items.ts";
import type { ScanPage } from "../ports/scan.ts";
import { type Item, type Key, UnreadableItem } from "../ports/store.ts";
import { auditPeer } from "./audit-peer.ts";
import { isExposureWrong } from "./check-exposure.ts";
import {
  begin,
  note,
  type Progress,
  readSums,
  restart,
  wasTouched,
  writeSums,
} from "./reconcile-progress.ts";
import type { Reconciliation } from "./reconciliation.ts";

export interface Bounds {
  /** Items of a page of the table. */
  readonly page: number;
  /** How long one call works before it gives back how far it came, in milliseconds. */
  readonly time: number;
}

/** Less than the function's timeout by far: the last page and the end of a run need their time too. */
export const reconcileBounds: Bounds = { page: 100, time: 600_000 };

export type Reconciled =
  | { readonly done: false; readonly progress: Progress }
  | {
      readonly done: true;
      /** As the pages added up: of one moment only where nothing was written meanwhile. */
      readonly books: BrokerBooks;
      readonly findings: readonly Finding[];
      /** How many findings there were beyond those that are named. */
      readonly more: number;
      readonly items: number;
      /** Peers whose purse moved each time that their chain was read: they are judged in another run. */
      readonly unsettled: number;
      /** Whether the sums say something: they add up, or nothing was decided while they were made. */
      readonly judged: boolean;
    };

/** How often an item that moves is looked at again before it is left for another run. */
const LOOKS = 3;
/** The most items that are read as of one moment. */
const TOGETHER = 100;

/** One call's worth of work: from the beginning, or from where the last call stopped. */
export async function reconcile(
  ports: Reconciliation,
  before: Progress | undefined,
  { page: size, time }: Bounds = reconcileBounds,
): Promise<Reconciled> {
  const deadline = ports.runtime.now() + time;
  const [root] = await ports.store.get([keyItems.root]);
  const network = root?.publicKey instanceof Uint8Array ? thumbprint(root.publicKey) : undefined;
  let progress = before ?? begin(ports.runtime.now());
  if (before === undefined && (network === undefined || !(await hasKeys(ports))))
    progress = note(progress, [{ name: "keys-missing", key: keyItems.root }]);
  // Every call does at least one step, so that a run comes to its end however short the time is.
  for (;;) {
    progress = await step(ports, progress, network, size, deadline);
    const isOver = progress.after === "end" && progress.peers.length === 0;
    if (isOver) {
      const end = await close(ports, progress);
      if (end.done) return end;
      progress = end.progress;
    }
    if (ports.runtime.now() >= deadline) return { done: false, progress };
  }
}

/** The peers whose purses the last page held, or else the next page. */
async function step(
  ports: Reconciliation,
  progress: Progress,
  network: string | undefined,
  size: number,
  deadline: number,
): Promise<Progress> {
  const [peer, ...others] = progress.peers;
  if (peer !== undefined && network !== undefined) {
    const audited = await auditPeer(ports, peer, network, deadline);
    if (!audited.done) return { ...progress, peers: [audited.peer, ...others] };
    const unsettled = progress.unsettled + (audited.settled ? 0 : 1);
    return note({ ...progress, peers: others, unsettled }, audited.findings);
  }
  if (progress.after === "end") return { ...progress, peers: [] };
  const page = await ports.scan.page(progress.after, size);
  return takePage(ports, progress, page);
}

async function takePage(ports: Reconciliation, progress: Progress, page: ScanPage): Promise<Progress> {
  const sums = readSums(progress.sums);
  const findings: Finding[] = [];
  const looks: { readonly key: Key; readonly look: Look }[] = [];
  const peers: string[] = [];
  let touched = progress.touched;
  for (const { key, item } of page.items) {
    try {
      if (item === undefined) throw new UnreadableItem(key.sk);
      countItem(sums, key, item, ports.currency, progress.startedAt);
      looks.push({ key, look: lookAt(key, item) });
      touched ||= wasTouched(item, progress.startedAt);
      if (key.sk === "BROKERSCRIP" && key.pk.startsWith("PEER#")) peers.push(key.pk.slice("PEER#".length));
    } catch {
      // Only an item that is not what its kind should be throws here.
      findings.push({ name: "unreadable-item", key });
    }
  }
  const around = await readAround(
    ports,
    looks.flatMap(({ look }) => look.needs),
  );
  for (const { key, look } of looks) {
    if (around !== undefined && isClean(look, around)) continue;
    // An item alone is of one moment as it stands. One of no kind lies where we may not even read it by its key.
    const names = look.needs.length === 0 ? judged(look, new Map()) : await lookAgain(ports, key);
    for (const name of names) findings.push({ name, key });
  }
  touched ||= [...(around?.values() ?? [])].some((item) => wasTouched(item, progress.startedAt));
  const next: Progress = {
    ...progress,
    after: page.next ?? "end",
    sums: writeSums(sums),
    touched,
    items: progress.items + page.items.length,
    peers: peers.map((uid) => ({ uid, tries: 0 })),
  };
  return note(next, findings);
}

const nameOf = ({ pk, sk }: Key): string => `${pk}\n${sk}`;

/** What the items of a page name; undefined where one of them cannot be read, so that each is looked at by itself. */
async function readAround(
  { store }: Reconciliation,
  needs: readonly Key[],
): Promise<ReadonlyMap<string, Item> | undefined> {
  const keys = [...new Map(needs.map((key) => [nameOf(key), key])).values()];
  const chunks = Array.from({ length: Math.ceil(keys.length / TOGETHER) }, (_, i) =>
    keys.slice(i * TOGETHER, (i + 1) * TOGETHER),
  );
  const read = await readable(() => Promise.all(chunks.map((chunk) => store.get(chunk))));
  if (read === undefined) return undefined;
  const items = read.flat();
  return new Map(
    keys.flatMap((key, i) => {
      const item = items[i];
      return item === undefined ? [] : [[nameOf(key), item] as const];
    }),
  );
}

function isClean(look: Look, around: ReadonlyMap<string, Item>): boolean {
  try {
    return look.judge((key) => around.get(nameOf(key))).length === 0;
  } catch {
    // Whatever it is that cannot be read: it is looked at again.
    return false;
  }
}

/** The item and all that it is compared with, as of one moment. */
async function lookAgain({ store }: Reconciliation, key: Key): Promise<readonly FindingName[]> {
  let needs: readonly Key[] = [];
  for (let i = 0; i < LOOKS; i += 1) {
    const read = await readable(() => store.get([key, ...needs]));
    // What cannot be read beside it has a finding of its own.
    if (read === undefined) return i === 0 ? ["unreadable-item"] : [];
    const [item, ...others] = read;
    // It is gone: what it was a part of was decided meanwhile.
    if (item === undefined) return [];
    const look = lookOrNone(key, item);
    if (look === undefined) return ["unreadable-item"];
    const isTogether = look.needs.map(nameOf).join() === needs.map(nameOf).join();
    if (isTogether) {
      const around = new Map(
        needs.flatMap((need, n) => {
          const other = others[n];
          return other === undefined ? [] : [[nameOf(need), other] as const];
        }),
      );
      return judged(look, around);
    }
    needs = look.needs;
  }
  return [];
}

function judged(look: Look, around: ReadonlyMap<string, Item>): readonly FindingName[] {
  try {
    return look.judge((key) => around.get(nameOf(key)));
  } catch {
    // What cannot be read beside it has a finding of its own.
    return [];
  }
}

function lookOrNone(key: Key, item: Item): Look | undefined {
  try {
    return lookAt(key, item);
  } catch {
    return undefined;
  }
}

/** Undefined where an item cannot be read; what else the store throws goes on. */
async function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof UnreadableItem) return undefined;
    throw error;
  }
}

async function hasKeys({ store }: Reconciliation): Promise<boolean> {
  const dataKeys = await store.get(signingPurposes.map((purpose) => keyItems.dataKey(purpose)));
  const epochs = await store.list(keyItems.root.pk, { prefix: "EPOCH#", limit: 1 });
  return dataKeys.every((item) => item !== undefined) && epochs.items.length > 0;
}

/**
 * The equation over the whole table. Pages are read one after the other, so their sums are of one moment only where
 * nothing was decided meanwhile: an imbalance is judged only then, and only where a second run over the whole table
 * finds the same one.
 */
async function close(ports: Reconciliation, progress: Progress): Promise<Reconciled> {
  const sums = readSums(progress.sums);
  const off = imbalance(sums);
  const isJudged = off !== 0n && !progress.touched;
  if (isJudged && progress.imbalance === undefined)
    return { done: false, progress: restart(progress, ports.runtime.now(), off) };
  const whole: Finding[] = [];
  if (isJudged && progress.imbalance === off.toString())
    whole.push({ name: "books-unbalanced", key: { pk: "BOOKS", sk: ports.currency } });
  if (await isExposureWrong(ports))
    whole.push({ name: "exposure-wrong", key: { pk: "EXPOSURE", sk: ports.currency } });
  const { findings, more, items, unsettled } = note(progress, whole);
  const judged = off === 0n || !progress.touched;
  return { done: true, books: closeBooks(sums), findings, more, items, unsettled, judged };
}
