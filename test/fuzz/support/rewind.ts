/** Stores in memory that go back to where they were kept: state never grows past one block of inputs. */
import type { Store } from "@lepta/lambdas";
import { memoryStore } from "@lepta/lambdas/memory/store";
import { memoryPeerStore, type PeerStore } from "@lepta/peer-sdk";

type Table = ReturnType<typeof memoryStore>;
const MOST_WRITES = 100;

export interface RewindStore extends Store {
  items(): ReturnType<Table["items"]>;
  /** Commits that changed something, so far. */
  readonly commits: number;
  /** This, or what is given, is where `rewind` goes back to. */
  keep(items?: ReturnType<Table["items"]>): void;
  rewind(): Promise<void>;
}

/** The broker's table. */
export function rewindStore(): RewindStore {
  let table = memoryStore();
  let kept: ReturnType<Table["items"]> = [];
  let commits = 0;
  return {
    get: (keys) => table.get(keys),
    list: (pk, options) => table.list(pk, options),
    commit: async (writes) => {
      const outcome = await table.commit(writes);
      if (outcome === "committed") commits += 1;
      return outcome;
    },
    items: () => table.items(),
    get commits() {
      return commits;
    },
    keep: (items = table.items()) => {
      kept = items;
    },
    rewind: async () => {
      table = memoryStore();
      for (let at = 0; at < kept.length; at += MOST_WRITES)
        await table.commit(
          kept.slice(at, at + MOST_WRITES).map(({ key, item }) => ({ put: item, at: key, expect: "absent" })),
        );
    },
  };
}

export interface RewindPeerStore extends PeerStore {
  readonly commits: number;
  keep(entries?: Awaited<ReturnType<PeerStore["list"]>>): Promise<void>;
  rewind(): Promise<void>;
}

/** A peer's store. */
export function rewindPeerStore(): RewindPeerStore {
  let store = memoryPeerStore();
  let kept: Awaited<ReturnType<PeerStore["list"]>> = [];
  let isChanged = false;
  let commits = 0;
  return {
    get: (key) => store.get(key),
    list: (prefix, options) => store.list(prefix, options),
    commit: async (changes) => {
      isChanged = true;
      await store.commit(changes);
      commits += 1;
    },
    openLog: (name) => store.openLog(name),
    close: async () => {},
    get commits() {
      return commits;
    },
    keep: async (entries) => {
      kept = entries ?? (await store.list(""));
      isChanged = true;
    },
    rewind: async () => {
      if (!isChanged) return;
      isChanged = false;
      store = memoryPeerStore();
      await store.commit(kept.map(([key, value]) => ({ key, value })));
    },
  };
}
