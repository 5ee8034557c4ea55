/** Whether what is minted against recallable money is what the transactions that are open for it say. */
import { sha256, toText, utf8 } from "@lepta/protocol";
import { exposureItem, keys, openItem, openPartitions } from "../broker/items.ts";
import { UnreadableItem } from "../ports/store.ts";
import type { Reconciliation } from "./reconciliation.ts";

const PAGE = 100;

/**
 * Two looks that show the very same transactions and differ by the same amount. What is released and what is added between
 * two pages makes a look differ too, and twice by the same where everybody pays the same; but not with the same ones open.
 */
export async function isExposureWrong(ports: Reconciliation): Promise<boolean> {
  const first = await difference(ports);
  if (first === undefined || first.off === 0n) return false;
  const second = await difference(ports);
  return (
    second !== undefined &&
    second.off === first.off &&
    second.outstanding === first.outstanding &&
    second.seen === first.seen
  );
}

/** Undefined where the sum moved meanwhile, or an item cannot be read: that has a finding of its own. */
async function difference(ports: Reconciliation) {
  try {
    const before = await outstandingOf(ports);
    const { sum, seen } = await openOnes(ports);
    const outstanding = await outstandingOf(ports);
    return before === outstanding ? { outstanding, off: outstanding - sum, seen } : undefined;
  } catch (error) {
    if (error instanceof UnreadableItem || error instanceof DamagedItem) return undefined;
    throw error;
  }
}

class DamagedItem extends Error {}

async function outstandingOf({ store, currency }: Reconciliation): Promise<bigint> {
  const [item] = await store.get([keys.exposure(currency)]);
  return read(() => exposureItem.read(item)?.outstanding ?? 0n);
}

/** The sum of those that are open for recallable money, and a hash that names them, in the order of their keys. */
async function openOnes({ store }: Reconciliation): Promise<{ readonly sum: bigint; readonly seen: string }> {
  let sum = 0n;
  let seen: Uint8Array = new Uint8Array(0);
  for (const partition of openPartitions) {
    let after: string | undefined;
    do {
      const page = await store.list(partition, { limit: PAGE, ...(after === undefined ? {} : { after }) });
      for (const { key, item } of page.items) {
        const { recallable } = read(() => openItem.fromItem(item));
        if (recallable === undefined) continue;
        sum += recallable;
        seen = sha256(seen, utf8(key.sk));
      }
      after = page.next;
    } while (after !== undefined);
  }
  return { sum, seen: toText(seen) };
}

function read<T>(from: () => T): T {
  try {
    return from();
  } catch (error) {
    throw new DamagedItem("an item cannot be read", { cause: error });
  }
}
