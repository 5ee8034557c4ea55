/** A peer's disk, copied: what a thief takes along, and what a backup holds. */
import { memoryPeerStore, type PeerStore } from "@lepta/peer-sdk";
import { journalNames } from "../../peer-sdk/src/journal.ts";

/** A copy in memory, journals too, of a store in memory. */
export async function copyStore(store: PeerStore): Promise<PeerStore> {
  const copy = memoryPeerStore();
  await copy.commit((await store.list("")).map(([key, value]) => ({ key, value })));
  for (const name of journalNames) {
    const [{ found }, { log }] = [await store.openLog(name), await copy.openLog(name)];
    for (const { record } of found) log.append(record);
    await log.sync();
  }
  return copy;
}
