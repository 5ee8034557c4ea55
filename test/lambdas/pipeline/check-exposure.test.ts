/** What is minted against recallable money, compared with what is open for it, while both move. */
import { exposureItem, keys, openItem, openPartitions } from "@lepta/lambdas/broker/items";
import { memoryStore } from "@lepta/lambdas/memory/store";
import { isExposureWrong } from "@lepta/lambdas/pipeline/check-exposure";
import type { Store } from "@lepta/lambdas/ports/store";
import { beforeEach, expect, test } from "vitest";

const AMOUNT = 10_000_000n;
let store: ReturnType<typeof memoryStore>;
let outstanding: bigint;
beforeEach(() => {
  store = memoryStore();
  outstanding = 0n;
});

/** Everybody tops up by the same amount. */
async function open(txn: string): Promise<void> {
  const item = openItem.toItem({ uid: "peer", txn, since: 0, recallable: AMOUNT });
  await store.commit([{ put: item, at: keys.open("peer", txn), expect: "absent" }, moved(AMOUNT)]);
}
async function release(txn: string): Promise<void> {
  await store.commit([{ remove: true, at: keys.open("peer", txn), expect: "present" }, moved(-AMOUNT)]);
}
const moved = (by: bigint) => {
  outstanding += by;
  return { put: exposureItem.toItem({ outstanding }), at: keys.exposure("EUR"), expect: "any" } as const;
};

const check = (list: Store["list"] = store.list) =>
  isExposureWrong({
    store: { ...store, list },
    scan: store.scan,
    runtime: { now: () => 0 },
    currency: "EUR",
  });

test("a sum that is not what is open is found, and one that is, is not", async () => {
  await open("A");
  await open("B");
  expect(await check()).toBe(false);
  await store.commit([moved(1n)]);
  expect(await check()).toBe(true);
});

test("one payment that becomes final as the next is minted is no fault, though each look sees both", async () => {
  await open("A");
  let look = 0;
  const list: Store["list"] = async (pk, options) => {
    if (pk === openPartitions[0]) look += 1;
    const page = await store.list(pk, options);
    // Behind the page that shows the one, and before the page that shows the other.
    for (const [at, gone, fresh] of [
      [1, "A", "B"],
      [2, "B", "C"],
    ] as const) {
      if (look !== at || pk !== keys.open("peer", gone).pk) continue;
      await release(gone);
      await open(fresh);
    }
    return page;
  };
  expect(await check(list)).toBe(false);
  expect([
    look,
    store
      .items()
      .filter(({ key }) => key.pk.startsWith("OPEN#"))
      .map(({ key }) => key.sk),
  ]).toEqual([2, ["peer#C"]]);
});
