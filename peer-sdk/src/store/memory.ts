/** A peer's store in memory: for tests, and for peers that need not survive. */
import type { PeerStore } from "../ports.ts";
import { MemoryLog } from "./log/memory-log.ts";
import { checkName } from "./log/record.ts";

/** A new, empty store. */
export function memoryPeerStore(): PeerStore {
  const entries = new Map<string, Uint8Array>();
  // Kept in order, so that a list costs what it finds and not what there is.
  const keys: string[] = [];
  const logs = new Map<string, MemoryLog>();
  return {
    get: async (key) => entries.get(key)?.slice(),
    list: async (prefix, { after = "", limit = Number.POSITIVE_INFINITY } = {}) => {
      const found: (readonly [string, Uint8Array])[] = [];
      let at = placeOf(keys, prefix);
      if (after !== "") at = Math.max(at, placeOf(keys, after));
      if (keys[at] === after) at += 1;
      for (; found.length < limit; at += 1) {
        const key = keys[at];
        const value = key?.startsWith(prefix) ? entries.get(key) : undefined;
        if (key === undefined || value === undefined) break;
        found.push([key, value.slice()]);
      }
      return found;
    },
    commit: async (changes) => {
      for (const { key, value } of changes) {
        const isKnown = entries.has(key);
        if (value !== undefined) entries.set(key, value.slice());
        else if (isKnown) entries.delete(key);
        if (isKnown && value === undefined) keys.splice(placeOf(keys, key), 1);
        else if (!isKnown && value !== undefined) keys.splice(placeOf(keys, key), 0, key);
      }
    },
    openLog: async (name) => {
      checkName(name);
      const log = logs.get(name) ?? new MemoryLog();
      logs.set(name, log);
      return { log, found: log.records() };
    },
    close: async () => {},
  };
}

/** Where a key stands, or would stand, among keys in their order. */
function placeOf(keys: readonly string[], key: string): number {
  let [least, most] = [0, keys.length];
  while (least < most) {
    const middle = (least + most) >> 1;
    if (isBefore(keys[middle] ?? "", key)) least = middle + 1;
    else most = middle;
  }
  return least;
}

/** By code points, as every store orders its keys; JavaScript's own order is by UTF-16 units. */
function isBefore(a: string, b: string): boolean {
  const shorter = Math.min(a.length, b.length);
  let at = 0;
  while (at < shorter && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at === shorter) return a.length < b.length;
  const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
  // A surrogate stands for a code point beyond every single unit.
  return isSurrogate(left) === isSurrogate(right) ? left < right : isSurrogate(right);
}

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit < 0xe000;
