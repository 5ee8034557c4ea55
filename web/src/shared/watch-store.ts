/** Tells when something in a store has changed: a few moments later, once for all that came together. */
import type { CallOff, PeerStore, RecordLog, Runtime } from "@lepta/peer-sdk";

/** Milliseconds: a purchase is several commits. */
const TOGETHER = 50;

export interface WatchedStore {
  readonly store: PeerStore;
  /** Something else has changed that a wallet tells of. */
  touch(): void;
  stop(): void;
}

export function watchStore(store: PeerStore, { later }: Runtime, changed: () => void): WatchedStore {
  let waiting: CallOff | undefined;
  let isOver = false;
  const touch = (): void => {
    if (isOver) return;
    waiting ??= later(TOGETHER, () => {
      waiting = undefined;
      changed();
    });
  };
  const watched: PeerStore = {
    ...store,
    commit: async (changes) => {
      await store.commit(changes);
      touch();
    },
    openLog: async (name) => {
      const { log, found } = await store.openLog(name);
      return { log: watchLog(log, touch), found };
    },
  };
  const stop = (): void => {
    isOver = true;
    waiting?.();
  };
  return { store: watched, touch, stop };
}

const watchLog = (log: RecordLog, touch: () => void): RecordLog => ({
  append: (record) => log.append(record),
  sync: async () => {
    await log.sync();
    touch();
  },
  release: (position) => log.release(position),
});
