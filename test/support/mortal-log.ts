/** A log of a process that may die: what it appended and did not sync is lost then, all of it or from some point on. */
import type { RecordLog } from "@lepta/peer-sdk";

export interface Mortal {
  readonly isDead: () => boolean;
  /** Runs a sync; the process may die before or after it. */
  readonly around: (sync: () => Promise<void>) => Promise<void>;
}

export interface MortalLog {
  readonly log: RecordLog;
  /** The process is gone; `kept` says how many of so many records that were not synced are on disk. */
  die(kept: (unsynced: number) => number): void;
}

/** `inner` is what is on the disk, at once. */
export function mortalLog(inner: RecordLog, { isDead, around }: Mortal): MortalLog {
  let unsynced: readonly number[] = [];
  return {
    log: {
      append: (record) => {
        // Whatever a dead process still does reaches nothing.
        if (isDead()) return 0;
        const position = inner.append(record);
        unsynced = [...unsynced, position];
        return position;
      },
      sync: () => {
        const last = unsynced.at(-1);
        if (last === undefined && !isDead()) return inner.sync();
        return around(async () => {
          await inner.sync();
          unsynced = unsynced.filter((position) => position > (last ?? 0));
        });
      },
      release: (position) => {
        if (!isDead()) inner.release(position);
      },
    },
    die: (kept) => {
      if (unsynced.length === 0) return;
      for (const position of unsynced.slice(kept(unsynced.length))) inner.release(position);
      unsynced = [];
    },
  };
}
