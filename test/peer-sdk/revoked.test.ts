/** A key of the broker was stolen and is revoked: peers learn it in time, refuse what it signed, and help themselves. */
import { revokeKeys, rotationOf } from "@lepta/lambdas";
import { REVOKED_AFTER } from "@lepta/lambdas/custody/key-items";
import { LeptaError, memoryPeerStore } from "@lepta/peer-sdk";
import { brokerKeysCodec, decodeAs, encodeAs, orThrow, type Purpose } from "@lepta/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyStore } from "../support/copy-store.ts";
import { expectSettled } from "./support/audit.ts";
import { codeOf, createWorld, HOUR, MINUTE, type World } from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const catalogue = { article: { price: "EUR 0.02", deliver: () => "the text" } };
const article = { max: "EUR 0.02", vendorScrip: "EUR 0.10" };

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const revoke = (purpose: Purpose) => revokeKeys(rotationOf(world.wiring), purpose);

/** What nobody waits for has happened: the broker's list was read again in the background. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 300; turn += 1) await new Promise(setImmediate);
};

/** Counts what a peer asks of the broker, by path. */
function counted() {
  const asked: string[] = [];
  const transport: World["transport"] = (method, url, body) => {
    asked.push(new URL(url).pathname);
    return world.transport(method, url, body);
  };
  return { transport, count: (path: string) => asked.filter((each) => each === path).length };
}

test("a peer in use reads the broker's keys again every ten minutes, and not more often", async () => {
  const { transport, count } = counted();
  await world.merchant(NEWS, { catalogue });
  const wallet = await world.wallet({ transport });
  await wallet.topUp("EUR 5.00");
  const before = count("/keys");
  for (let minute = 0; minute < 30; minute += 1) {
    world.runtime.advance(MINUTE);
    await wallet.buy(NEWS, "article", article);
    await settle();
  }
  expect(count("/keys") - before).toBe(3);
});

test("a broker that is away stops nobody who wants to read its keys again", async () => {
  const line = { isCut: false };
  const transport: World["transport"] = (method, url, body) =>
    line.isCut ? Promise.reject(new LeptaError("unreachable")) : world.transport(method, url, body);
  await world.merchant(NEWS, { catalogue, transport });
  const wallet = await world.wallet({ transport });
  await wallet.topUp("EUR 1.00");
  await wallet.obtain(NEWS, "EUR 0.50");
  line.isCut = true;
  world.runtime.advance(HOUR);
  expect((await wallet.buy(NEWS, "article", article)).receipt.charged.value).toBe(20_000n);
});

test("wallet and merchant renew a credential whose signer was revoked by themselves, and go on", async () => {
  const [till, purse] = [counted(), counted()];
  const [shelf, store] = [memoryPeerStore(), memoryPeerStore()];
  const merchant = await world.merchant(NEWS, { catalogue, store: shelf, transport: till.transport });
  const wallet = await world.wallet({ store, transport: purse.transport });
  await wallet.topUp("EUR 1.00");
  await wallet.buy(NEWS, "article", article);
  const before = [till.count("/enrol"), purse.count("/enrol")];
  await revoke("enrol");
  world.runtime.advance(10 * MINUTE + REVOKED_AFTER);
  // Each finds the list out of date, uses what it has, and has learned of it by the next purchase.
  for (let turn = 0; turn < 3; turn += 1) {
    await wallet.buy(NEWS, "article", article).catch(() => undefined);
    await settle();
  }
  await wallet.buy(NEWS, "article", article);
  expect([till.count("/enrol"), purse.count("/enrol")]).toEqual(before.map((count) => count + 1));
  await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: merchant.uid, store: shelf }]);
});

/** The peer's directory as a thief or a latecomer brings it: with the credential of before. */
const stale = copyStore;

test("a merchant refuses a credential that a revoked key signed, and a wallet that hears so renews and is served", async () => {
  await world.merchant(NEWS, { catalogue });
  const line = { isOld: false };
  const old = (await world.transport("GET", `${world.broker.split("#")[0]}/keys`, undefined)).body;
  // This wallet is shown the list of before, as by a cache: it does not know of the revocation.
  const transport: World["transport"] = async (method, url, body) => {
    const answer = await world.transport(method, url, body);
    return line.isOld && method === "GET" ? { ...answer, body: old } : answer;
  };
  const { transport: watched, count } = counted();
  const store = memoryPeerStore();
  const first = await world.wallet({ store });
  await first.topUp("EUR 1.00");
  await first.close();
  await revoke("enrol");
  world.runtime.advance(10 * MINUTE + REVOKED_AFTER);
  // The merchant learns of it by its first visitor, who refuses the credential that it still shows.
  const visitor = await world.wallet();
  expect(await codeOf(visitor.offers(NEWS))).toBe("unknown-peer");
  await settle();
  await visitor.offers(NEWS);
  line.isOld = true;
  const misled = await world.wallet({ store: await stale(store), transport });
  expect(await codeOf(misled.offers(NEWS))).toBe("unknown-peer");
  line.isOld = false;
  const served = await world.wallet({ store: await stale(store), transport: watched });
  await served.buy(NEWS, "article", article);
  expect(count("/enrol")).toBe(1);
});

/** A wallet that has not read the list since the revocation, and a merchant that has learned of it and renewed. */
async function lateWallet(hasMet: boolean) {
  await world.merchant(NEWS, { catalogue });
  world.runtime.advance(5 * MINUTE);
  const { transport, count } = counted();
  const wallet = await world.wallet({ transport });
  if (hasMet) await wallet.offers(NEWS);
  await revoke("enrol");
  world.runtime.advance(5 * MINUTE);
  const visitor = await world.wallet();
  expect(await codeOf(visitor.offers(NEWS))).toBe("unknown-peer");
  await settle();
  await visitor.offers(NEWS);
  expect([count("/keys"), count("/enrol")]).toEqual([1, 1]);
  return { wallet, count };
}

test("a wallet that hears it from the merchant that it greets renews at once and greets again", async () => {
  const { wallet, count } = await lateWallet(false);
  expect(await wallet.offers(NEWS)).toHaveLength(1);
  expect(count("/enrol")).toBe(2);
});

test("a merchant ends a visit whose credential was revoked meanwhile; the wallet greets it anew", async () => {
  const { wallet, count } = await lateWallet(true);
  expect(await codeOf(wallet.offers(NEWS))).toBe("unknown-peer");
  expect(await wallet.offers(NEWS)).toHaveLength(1);
  expect(count("/enrol")).toBe(2);
});

test("a remembered list does not forget a revocation, whatever list comes after it", async () => {
  const store = memoryPeerStore();
  let left = 0;
  const transport: World["transport"] = async (method, url, body) => {
    const answer = await world.transport(method, url, body);
    if (method === "POST") return answer;
    const { revocations, ...list } = orThrow(decodeAs(brokerKeysCodec, answer.body));
    left += revocations?.length ?? 0;
    return { ...answer, body: encodeAs(brokerKeysCodec, list) };
  };
  await world.merchant(NEWS, { catalogue, transport });
  await revoke("enrol");
  // Functions look for a key that they do not know at most once a second.
  world.runtime.advance(1000);
  await (await world.wallet({ store })).close();
  const ignorant = await world.wallet({ transport });
  world.runtime.advance(REVOKED_AFTER);
  const knowing = await world.wallet({ store, transport });
  // The merchant's credential is of before: whoever was never told takes it.
  expect(await codeOf(knowing.offers(NEWS))).toBe("unknown-peer");
  expect(await ignorant.offers(NEWS)).toHaveLength(1);
  // Nor does one that is read while it runs.
  world.runtime.advance(10 * MINUTE);
  for (let turn = 0; turn < 2; turn += 1) {
    expect(await codeOf(knowing.offers(NEWS))).toBe("unknown-peer");
    await settle();
  }
  expect(left).toBeGreaterThan(4);
});

test("scrip of a revoked epoch buys nothing; the wallet renews it by itself and nothing is lost", async () => {
  const [shelf, store] = [memoryPeerStore(), memoryPeerStore()];
  const merchant = await world.merchant(NEWS, { catalogue, store: shelf });
  const wallet = await world.wallet({ store });
  await wallet.topUp("EUR 1.00");
  await wallet.obtain(NEWS, "EUR 0.10");
  await revoke("decide");
  world.runtime.advance(REVOKED_AFTER);
  await wallet.obtain(NEWS, "EUR 0.10");
  expect((await wallet.history()).map(({ kind, outcome }) => [kind, outcome])).toEqual([
    ["topup", "done"],
    ["vendorscrip", "done"],
    ["vendorscrip", "scrip-expired"],
    ["renewal", "done"],
    ["vendorscrip", "done"],
  ]);
  expect(world.books()).toMatchObject({
    liveBrokerScrip: 800_000n,
    owedToMerchants: 200_000n,
    conserved: true,
  });
  await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: merchant.uid, store: shelf }]);
});

test("scrip of a revoked epoch is paid out like any other", async () => {
  const wallet = await world.wallet();
  await wallet.topUp("EUR 1.00");
  await revoke("decide");
  world.runtime.advance(REVOKED_AFTER);
  expect(await wallet.redeem()).toBe("EUR 1.00");
});
