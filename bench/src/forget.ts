/** Between measurements: evidence that nobody asks for in a bench is let go, so that what is measured does not grow with the rounds. */
import type { PeerStore } from "@lepta/peer-sdk";

/** At once, in entries. */
const BATCH = 1000;

/** Removes everything under these prefixes. */
export async function forget(store: PeerStore, ...prefixes: readonly string[]): Promise<void> {
  for (const prefix of prefixes)
    for (;;) {
      const entries = await store.list(prefix, { limit: BATCH });
      if (entries.length === 0) break;
      // The last ones first: a list in an array loses its end more easily than its beginning.
      await store.commit(entries.map(([key]) => ({ key, value: undefined })).reverse());
    }
}
