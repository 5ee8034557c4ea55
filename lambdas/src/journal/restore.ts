/**
 * The way back into service of a table that was restored from a backup: mark it → replay the journal → start a new
 * epoch → put it into service. Run again from the start wherever it was interrupted (docs/adr/0012-the-journal.md).
 */
import { keyItems } from "../custody/key-items.ts";
import type { Journal } from "../ports/journal.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Item, Store, Write } from "../ports/store.ts";
import { type Replayed, replay } from "./replay.ts";

export interface Restoration {
  /** Of the restored table, which must have another name than the one that was lost. */
  readonly store: Store;
  readonly table: string;
  readonly journal: Journal;
  readonly runtime: Runtime;
  /** The moment that the backup shows, in milliseconds. */
  readonly backupAt: number;
  /** Starts an epoch in the restored table: new scrip is made under it. Again makes one more, which does no harm. */
  readonly startEpoch: () => Promise<unknown>;
}

export interface Restored extends Replayed {
  /** The table whose journal was replayed. */
  readonly lost: string;
}

/** The stream's times are rounded, and a backup's moment is: what was done this long before it is replayed too. */
export const RESTORE_MARGIN = 60_000;

/** Throws, and leaves the table out of service, where a step fails; throws where the table is in service already. */
export async function restore(restoration: Restoration): Promise<Restored> {
  const { store, table, journal, startEpoch } = restoration;
  const mark = await markRestoring(restoration);
  const fence = ({ gaps }: Replayed): Write => {
    // A later run finds the table ahead of its first records, and cannot see again what was missing before them.
    const known = { ...mark, gaps: Math.max(mark.gaps, gaps) };
    return { put: known, at: keyItems.service, expect: { run: mark.run } };
  };
  const from = mark.since - RESTORE_MARGIN;
  const replayed = await replay({ journal, store, table: mark.restoring, from, fence });
  await startEpoch();
  // From here on the table may change by itself, and replaying it again would take that back.
  const outcome = await store.commit([{ put: { table }, at: keyItems.service, expect: { run: mark.run } }]);
  if (outcome === "moved") throw new Error("another run of the restore has taken over this table");
  return { ...replayed, gaps: Math.max(mark.gaps, replayed.gaps), lost: mark.restoring };
}

/** Nobody serves a table that is so marked; it stays so until the last step. */
interface Mark extends Item {
  /** The table that was lost. */
  readonly restoring: string;
  /** The table that takes its place. A backup of that one shows the mark too, and lacks what that one did since. */
  readonly into: string;
  /** The moment that the backup shows. */
  readonly since: number;
  /** Of two runs only the later one goes on. */
  readonly run: Uint8Array;
  readonly gaps: number;
}

async function markRestoring({ store, table, runtime, backupAt }: Restoration): Promise<Mark> {
  const [service] = await store.get([keyItems.service]);
  if (service === undefined) throw new Error(`the table ${table} does not say of which table it is a copy`);
  if (service.table === table)
    throw new Error(
      `the table ${table} is in service: replaying the journal into it would take back what was done since. ` +
        "A backup is restored into a table with another name.",
    );
  const { restoring = service.table, into = table, since = backupAt, gaps = 0 } = service;
  if (into !== table)
    throw new Error(
      `the table ${table} is a copy of ${into}, which was being restored: the journal of what ${into} did since is its ` +
        `own. Choose a moment at which ${into} was in service, or the backup that it was made from.`,
    );
  if (typeof restoring !== "string") throw new Error(`the table ${table} holds a mark that cannot be read`);
  // The mark of an earlier run says from when on the table lacks something: a later moment would leave that out.
  const mark = {
    restoring,
    into,
    since: Math.min(Number(since), backupAt),
    run: runtime.random(16),
    gaps: Number(gaps),
  };
  const outcome = await store.commit([{ put: mark, at: keyItems.service, expect: service }]);
  if (outcome === "moved") throw new Error("another run of the restore has taken over this table");
  return mark;
}
