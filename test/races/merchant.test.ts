/** Rule 5 at a merchant: 64 customers' connections, one VendorScrip. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryPeerStore, type PeerStore, sqlitePeerStore } from "@lepta/peer-sdk";
import type { purchaseRequest, Signed } from "@lepta/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { expectSettled } from "../peer-sdk/support/audit.ts";
import { given, Hand, orderFor, spendingOf } from "../peer-sdk/support/hand.ts";
import { createWorld, type World } from "../peer-sdk/support/world.ts";

const HANDLERS = 64;
const SCRIPS = 5;
const URL = "ws://merchant.test/";
const PRICE = "EUR 0.02";

const directories: string[] = [];
const stores: readonly (readonly [string, () => PeerStore])[] = [
  ["in memory", memoryPeerStore],
  [
    "in SQLite",
    () => {
      const dir = mkdtempSync(join(tmpdir(), "lepta-races-"));
      directories.push(dir);
      return sqlitePeerStore(dir);
    },
  ],
];

let world: World | undefined;
afterEach(async () => {
  await world?.close();
  for (const dir of directories.splice(0)) rmSync(dir, { recursive: true, force: true });
});

describe.each(stores)("64 purchases at once with one VendorScrip, the merchant's books %s", (_name, open) => {
  test("have one winner, whose goods are made once; the same purchase 64 times has one answer", async () => {
    world = await createWorld({ seed: "merchant races" });
    let made = 0;
    const merchantStore = open();
    const merchant = await world.merchant(URL, {
      store: merchantStore,
      catalogue: {
        page: {
          price: PRICE,
          deliver: () => {
            made += 1;
            return `page ${made}`;
          },
        },
      },
    });
    const store = memoryPeerStore();
    const wallet = await world.wallet({ store });
    await wallet.topUp("EUR 5");
    const { broker, transport, runtime } = world;
    const hand = await Hand.open({ broker, transport, runtime, store });
    const meetings = await Promise.all(Array.from({ length: HANDLERS }, () => hand.greet(merchant.visit())));
    const meeting = given(meetings[0]);

    for (let scrip = 0; scrip < SCRIPS; scrip += 1) {
      await wallet.obtain(URL, PRICE);
      const spending = spendingOf(await hand.holding(merchant.uid));
      const messages: Signed<typeof purchaseRequest>[] = [];
      for (let i = 0; i < HANDLERS; i += 1)
        messages.push(await meeting.purchase(spending, orderFor("page", PRICE)));
      const sold = await Promise.all(messages.map((message, i) => given(meetings[i]).buy(message)));
      const winners = sold.filter(({ ok }) => ok);
      expect(winners).toHaveLength(1);
      expect(sold.filter(({ reason }) => reason === "scrip-spent")).toHaveLength(HANDLERS - 1);
      expect(made).toBe(scrip + 1);

      const winning = given(messages[sold.findIndex(({ ok }) => ok)]);
      const again = await Promise.all(meetings.map((each) => each.buy(winning)));
      for (const { signed } of again) expect(signed).toEqual(winners[0]?.signed);
      expect(made).toBe(scrip + 1);
      await forget(store, merchant.uid);
    }
    const { sold, liveVendorScrip } = await merchant.books("EUR");
    expect([sold, liveVendorScrip]).toEqual([BigInt(SCRIPS) * 20_000n, 0n]);
    expect(world.faults).toEqual([]);
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: merchant.uid, store: merchantStore }]);
  });
});

/** The hand spent what the wallet still thinks it holds. */
async function forget(store: PeerStore, merchant: string): Promise<void> {
  const entries = await store.list(`vendorscrip/${merchant}/`);
  await store.commit(entries.map(([key]) => ({ key, value: undefined })));
}
