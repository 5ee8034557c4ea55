/** A peer's store in memory: for tests, and for peers that need not survive. */
import type { PeerStore } from "../ports.ts";

/** A new, empty store. */
export function memoryPeerStore(): PeerStore {
  const entries = new Map<string, Uint8Array>();
  return {
    get: async (key) => entries.get(key),
    list: async (prefix, { after = "", limit = Number.POSITIVE_INFINITY } = {}) =>
      [...entries]
        .filter(([key]) => key.startsWith(prefix) && key > after)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .slice(0, limit),
    commit: async (changes) => {
      for (const { key, value } of changes) {
        if (value === undefined) entries.delete(key);
        else entries.set(key, value.slice());
      }
    },
    close: async () => {},
  };
}
