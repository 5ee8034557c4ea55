/** The broker is away for longer than one request is tried again, and then it is back; nobody restarts anything else. */
import { Merchant, memoryPeerStore } from "@lepta/peer-sdk";
import { afterEach, beforeEach, expect, test } from "vitest";
import { expectSettled } from "./support/audit.ts";
import { codeOf, createWorld, lossyTransport, newLine, type World } from "./support/world.ts";

const NEWS = "ws://news.example/pay";

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

/** A customer and a merchant who are cut off from the broker while figure 8 is under way, and what the merchant put off. */
async function outage() {
  const shelf = memoryPeerStore();
  const store = memoryPeerStore();
  const line = newLine();
  const putOff: (() => void)[] = [];
  const transport = lossyTransport(world.transport, line);
  const runtime = {
    ...world.runtime,
    later: (_delay: number, work: () => void) => {
      putOff.push(work);
      return () => {};
    },
  };
  const catalogue = { article: { price: "EUR 0.02", deliver: () => "the text" } };
  const openMerchant = () => world.merchant(NEWS, { store: shelf, catalogue, transport, runtime });
  const merchant = await openMerchant();
  const wallet = await world.wallet({ store, transport });
  await wallet.topUp("EUR 1.00");
  await wallet.offers(NEWS);
  line.fault = { at: line.count + 1, kind: "cut-request" };
  expect(await codeOf(wallet.obtain(NEWS, "EUR 0.50"))).toBe("unreachable");
  line.fault = undefined;
  await wallet.resume();
  expect(await wallet.pending()).toEqual([]);
  const settled = () =>
    expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: merchant.uid, store: shelf }]);
  return { merchant, openMerchant, putOff, settled };
}

test("a merchant that is opened again ends the authorizations that the broker has not answered", async () => {
  const { merchant, openMerchant, settled } = await outage();
  await merchant.close();
  expect(await openMerchant()).toBeInstanceOf(Merchant);
  await settled();
});

test("a merchant that goes on running ends the authorizations that the broker has not answered", async () => {
  const { putOff, settled } = await outage();
  for (const work of putOff.splice(0)) work();
  for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
  await settled();
});
