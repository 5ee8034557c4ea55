/** A peer's store in memory: for tests, and for peers that need not survive. */
import type { PeerStore } from "../ports.ts";

/** A new, empty store. */
export function memoryPeerStore(): PeerStore {
  const entries = new Map<string, Uint8Array>();
  return {
    get: async (key) => entries.get(key)?.slice(),
    list: async (prefix, { after = "", limit = Number.POSITIVE_INFINITY } = {}) =>
      [...entries]
        .filter(([key]) => key.startsWith(prefix) && (after === "" || compare(key, after) > 0))
        .sort(([a], [b]) => compare(a, b))
        .slice(0, limit)
        .map(([key, value]) => [key, value.slice()] as const),
    commit: async (changes) => {
      for (const { key, value } of changes) {
        if (value === undefined) entries.delete(key);
        else entries.set(key, value.slice());
      }
    },
    close: async () => {},
  };
}

/** By code points, as every store orders its keys; JavaScript's own order is by UTF-16 units. */
function compare(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  const at = left.findIndex((character, i) => character !== right[i]);
  if (at < 0) return left.length - right.length;
  return (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? -1);
}
