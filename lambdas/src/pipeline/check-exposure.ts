/** Whether what is minted against recallable money is what the transactions that are open for it say. */
import { exposureItem, keys, openItem, openPartitions } from "../broker/items.ts";
import { UnreadableItem } from "../ports/store.ts";
import type { Reconciliation } from "./reconciliation.ts";

const PAGE = 100;

/**
 * Two looks that differ by the same amount while the sum stayed the same: what is released and what is added between two
 * pages makes a look differ, and not twice alike.
 */
export async function isExposureWrong(ports: Reconciliation): Promise<boolean> {
  const first = await difference(ports);
  if (first === undefined || first.off === 0n) return false;
  const second = await difference(ports);
  return second !== undefined && second.off === first.off && second.outstanding === first.outstanding;
}

/** Undefined where the sum moved meanwhile, or an item cannot be read: that has a finding of its own. */
async function difference(ports: Reconciliation) {
  try {
    const before = await outstandingOf(ports);
    const recallable = await sumOfOpen(ports);
    const outstanding = await outstandingOf(ports);
    return before === outstanding ? { outstanding, off: outstanding - recallable } : undefined;
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

async function sumOfOpen({ store }: Reconciliation): Promise<bigint> {
  let sum = 0n;
  for (const partition of openPartitions) {
    let after: string | undefined;
    do {
      const page = await store.list(partition, { limit: PAGE, ...(after === undefined ? {} : { after }) });
      for (const { item } of page.items) sum += read(() => openItem.fromItem(item).recallable ?? 0n);
      after = page.next;
    } while (after !== undefined);
  }
  return sum;
}

function read<T>(from: () => T): T {
  try {
    return from();
  } catch (error) {
    throw new DamagedItem("an item cannot be read", { cause: error });
  }
}
