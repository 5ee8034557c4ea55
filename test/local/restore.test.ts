/** A backup brings spent scrip back: what the procedure is for, shown with and without it, with real peers. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BrokerBooks,
  openJournal,
  type Restored,
  restore,
  rotationOf,
  startEpoch,
  systemRuntime,
  variable,
} from "@lepta/lambdas";
import { keyItems } from "@lepta/lambdas/custody/key-items";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { Merchant, sqlitePeerStore, Wallet } from "@lepta/peer-sdk";
import { orThrow } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { backUp } from "../support/backup.ts";
import { crashingStore } from "../support/crashing.ts";
import { throughFront } from "../support/front.ts";
import { recordsOf } from "../support/journal.ts";
import { authorise, enrolledPeer, euro, type Held, makeSale, type TestPeer } from "../support/peer.ts";
import type { TestRuntime } from "../support/runtime.ts";

const RESTORED = "lepta-restored";
/** Real peers run on the real clock. */
const clock: TestRuntime = { ...systemRuntime, set: () => {}, advance: () => {}, slept: [] };

interface Before {
  readonly books: BrokerBooks;
  readonly backupAt: number;
  readonly port: number;
  readonly alice: TestPeer;
  readonly shop: TestPeer;
  /** Alice's scrip: live in the backup, spent when the disaster came. */
  readonly spent: Held;
}

let dir: string;
let closers: (() => Promise<void>)[];
let before: Before;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "lepta-restore-"));
  closers = [];
  before = await untilTheDisaster();
});

afterEach(async () => {
  await closeAll();
  await rm(dir, { recursive: true });
});

async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

async function start(more: { readonly table?: string; readonly port?: number } = {}): Promise<EmbeddedCloud> {
  const variables = { [variable.holdTime]: "0" };
  const cloud = await startEmbeddedCloud({ dir: join(dir, "broker"), variables, ...more });
  closers.push(() => cloud.close());
  return cloud;
}

async function openClara({ pinnedUrl }: EmbeddedCloud): Promise<Wallet> {
  const wallet = await Wallet.open({ store: sqlitePeerStore(join(dir, "clara")), broker: pinnedUrl });
  closers.push(() => wallet.close());
  return wallet;
}

async function openRadio({ pinnedUrl }: EmbeddedCloud) {
  const merchant = await Merchant.open({
    store: sqlitePeerStore(join(dir, "radio")),
    broker: pinnedUrl,
    catalogue: { song: { price: "EUR 0.03", description: "One song", deliver: () => new Uint8Array(10) } },
  });
  closers.push(() => merchant.close());
  return { merchant, url: (await merchant.serve()).url };
}

/** Figures 6, 7 and 8 before and after the backup, and money on its way back after it. */
async function untilTheDisaster(): Promise<Before> {
  const cloud = await start();
  const broker = throughFront(cloud, clock);
  const [alice, shop] = [await enrolledPeer(broker, "alice"), await enrolledPeer(broker, "shop")];
  const spent = await alice.fund(euro("1.00"));
  const clara = await openClara(cloud);
  const radio = await openRadio(cloud);
  await clara.topUp("EUR 5.00");
  await clara.obtain(radio.url, "EUR 1.00");
  await clara.buy(radio.url, "song", { max: "EUR 0.03" });

  const backupAt = Date.now();
  await backUp(cloud, RESTORED);

  await clara.topUp("EUR 2.00");
  await clara.obtain(radio.url, "EUR 0.50");
  await clara.buy(radio.url, "song", { max: "EUR 0.03" });
  await clara.redeem("EUR 1.00");
  await radio.merchant.settle();
  const sale = await makeSale(alice, shop, clock.now(), { amount: euro("0.30"), held: spent });
  expect(orThrow(await authorise(broker, sale)).m4.payload.ok).toBe(true);
  await enrolledPeer(broker, "bob");

  await cloud.drainJournal();
  const books = await broker.books();
  expect(books).toMatchObject({ conserved: true, moneyIn: 8_000_000n });
  await closeAll();
  return { books, backupAt, port: Number(new URL(cloud.url).port), alice, shop, spent };
}

/** The broker on the restored table, at the address that its peers know. */
const startRestored = (): Promise<EmbeddedCloud> => start({ table: RESTORED, port: before.port });

async function bringBack(
  { wiring }: EmbeddedCloud,
  {
    store = wiring.store,
    begin = () => startEpoch(rotationOf(wiring), { atOnce: true }) as Promise<unknown>,
  } = {},
): Promise<Restored> {
  const journal = await openJournal(wiring.environment);
  const { backupAt } = before;
  return restore({ store, journal, table: RESTORED, runtime: systemRuntime, backupAt, startEpoch: begin });
}

/** Alice spends once more what she has spent after the backup; and what the broker says to it. */
async function spendAgain(cloud: EmbeddedCloud): Promise<string> {
  const { alice, shop, spent: held } = before;
  const sale = await makeSale(alice, shop, clock.now(), { amount: euro("0.50"), held });
  const { m4, m3 } = orThrow(await authorise(throughFront(cloud, clock), sale));
  return m4.payload.ok ? "accepted" : String(m3?.payload.reason);
}

const statusOf = async (cloud: EmbeddedCloud): Promise<number> => (await fetch(`${cloud.url}/keys`)).status;
/** A scrip's id begins with its epoch. */
const epochOf = ({ body }: Held): number => Buffer.from(body.id, "base64url").readUInt32BE();

describe("a broker on a table that was restored from a backup", () => {
  test("answers nobody, because the table is a copy: by itself it would take spent scrip again", async () => {
    const cloud = await startRestored();
    expect(await statusOf(cloud)).toBe(503);
    await expect(spendAgain(cloud)).rejects.toThrow();

    // Somebody puts the copy into service as it is.
    const { store } = cloud.wiring;
    await store.commit([{ put: { table: RESTORED }, at: keyItems.service, expect: "present" }]);
    expect(await statusOf(cloud)).toBe(200);
    expect(await spendAgain(cloud)).toBe("accepted");
  });

  test("after the procedure refuses spent scrip, its books are those from before, and everybody goes on", async () => {
    const cloud = await startRestored();
    const restored = await bringBack(cloud);
    expect(restored).toMatchObject({ lost: "lepta", gaps: 0 });
    expect(restored.written).toBeGreaterThan(0);
    const broker = throughFront(cloud, clock);
    expect(await broker.books()).toEqual(before.books);
    expect(await spendAgain(cloud)).toBe("scrip-spent");

    const clara = await openClara(cloud);
    const radio = await openRadio(cloud);
    expect((await clara.balance()).brokerScrip).toBe("EUR 4.50");
    await clara.buy(radio.url, "song", { max: "EUR 0.03" });
    await clara.topUp("EUR 1.00");
    await clara.obtain(radio.url, "EUR 0.25");
    await radio.merchant.settle();
    await clara.redeem();
    const carol = await enrolledPeer(broker, "carol");
    const fresh = await carol.fund(euro("1.00"));
    expect([epochOf(before.spent), epochOf(fresh)]).toEqual([1, 2]);
    expect(await broker.books()).toMatchObject({ conserved: true, moneyIn: 10_000_000n });
  });

  test("stays out of service wherever the procedure is killed, and it then ends the same", async () => {
    const cloud = await startRestored();
    const crashing = crashingStore();
    const store = crashing.around(cloud.wiring.store);
    // The mark; the first items, before and after; the end.
    const deaths = [
      [1, "before"],
      [1, "after"],
      [2, "before"],
      [2, "after"],
      [3, "before"],
    ] as const;
    for (const [at, moment] of deaths) {
      crashing.arm(at, moment);
      await expect(bringBack(cloud, { store })).rejects.toThrow("crashed");
      expect(await statusOf(cloud)).toBe(503);
    }
    crashing.disarm();
    const begin = () => Promise.reject(new Error("killed before the epoch"));
    await expect(bringBack(cloud, { begin })).rejects.toThrow("killed before the epoch");
    expect(await statusOf(cloud)).toBe(503);

    await bringBack(cloud);
    expect(await throughFront(cloud, clock).books()).toEqual(before.books);
    expect(await spendAgain(cloud)).toBe("scrip-spent");
    await expect(bringBack(cloud)).rejects.toThrow("is in service");
  });

  test("goes on being journalled, under its own name", async () => {
    const cloud = await startRestored();
    await bringBack(cloud);
    const alice = await enrolledPeer(throughFront(cloud, clock), "dora");
    const held = await alice.fund(euro("3.00"));
    await cloud.drainJournal();
    const journal = await openJournal(cloud.wiring.environment);
    const records = await recordsOf(journal, RESTORED, before.backupAt);
    expect(records.map(({ image }) => image?.scrip)).toContain(held.body.id);
  });
});
