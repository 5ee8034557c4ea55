/** A peer's log, watched: each record is told of once, when it is on the disk. */
import type { PeerStore } from "@lepta/peer-sdk";
import type { journalNames } from "../../peer-sdk/src/journal.ts";

/** The same store's logs; `durable` hears of the one of this name. What a crash let through is told of when the log is opened again. */
export function watchLog(
  inner: PeerStore,
  name: (typeof journalNames)[number],
  durable: (record: Uint8Array) => void,
): PeerStore["openLog"] {
  let told = 0;
  const tell = (position: number, record: Uint8Array): void => {
    if (position <= told) return;
    told = position;
    durable(record);
  };
  return async (opened) => {
    const { log, found } = await inner.openLog(opened);
    if (opened !== name) return { log, found };
    for (const { position, record } of found) tell(position, record);
    const written = new Map<number, Uint8Array>();
    return {
      found,
      log: {
        append: (record) => {
          const position = log.append(record);
          written.set(position, record.slice());
          return position;
        },
        sync: async () => {
          const mine = [...written];
          await log.sync();
          for (const [position, record] of mine) if (written.delete(position)) tell(position, record);
        },
        release: (position) => {
          written.delete(position);
          log.release(position);
        },
      },
    };
  };
}
