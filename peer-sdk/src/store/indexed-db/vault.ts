/** Private keys in a browser's store: IndexedDB copies the objects, and nobody ever sees their bytes. */
import { type KeyHandle, LeptaError } from "@lepta/protocol/core";
import type { KeyVault } from "../../ports.ts";
import { type Database, ownBytes } from "./database.ts";

/** The vault of a database that is asked for each time, as it may be closed. */
export const keyVault = (opened: () => Database): KeyVault => ({
  get: async (name) => {
    const found: unknown = await opened().read("keys", (keys) => keys.get(name));
    if (found === undefined) return undefined;
    if (!isHandle(found)) throw new LeptaError("store-damaged", `the key ${name} is none`);
    return found;
  },
  put: async (handles) =>
    opened().write("keys", (keys) => {
      for (const [name, { key, publicKey }] of Object.entries(handles))
        keys.put({ key, publicKey: ownBytes(publicKey) }, name);
    }),
});

const isHandle = (value: unknown): value is KeyHandle =>
  typeof value === "object" &&
  value !== null &&
  "key" in value &&
  value.key instanceof CryptoKey &&
  "publicKey" in value &&
  value.publicKey instanceof Uint8Array;
