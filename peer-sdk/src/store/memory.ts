/** A peer's store in memory: for tests, and for peers that need not survive. */
import type { PeerStore } from "../ports.ts";
import { MemoryLog } from "./log/memory-log.ts";
import { checkName } from "./log/record.ts";
import { isBefore, OrderedKeys } from "./ordered-keys.ts";

/** A new, empty store. */
export function memoryPeerStore(): PeerStore {
  const entries = new Map<string, Uint8Array>();
  // Kept in order, so that a list costs what it finds and not what there is.
  const keys = new OrderedKeys();
  const logs = new Map<string, MemoryLog>();
  return {
    get: async (key) => entries.get(key)?.slice(),
    list: async (prefix, { after = "", limit = Number.POSITIVE_INFINITY } = {}) => {
      const found: (readonly [string, Uint8Array])[] = [];
      if (limit <= 0) return found;
      for (const key of keys.from(isBefore(after, prefix) ? prefix : after)) {
        const value = key.startsWith(prefix) ? entries.get(key) : undefined;
        if (value === undefined) break;
        if (key === after) continue;
        found.push([key, value.slice()]);
        if (found.length >= limit) break;
      }
      return found;
    },
    commit: async (changes) => {
      for (const { key, value } of changes) {
        const isKnown = entries.has(key);
        if (value !== undefined) entries.set(key, value.slice());
        else if (isKnown) entries.delete(key);
        if (isKnown && value === undefined) keys.remove(key);
        else if (!isKnown && value !== undefined) keys.add(key);
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
