import { memoryPeerStore, type PeerStore } from "@lepta/peer-sdk";
import { isRefusal, LeptaError } from "@lepta/protocol";
import { afterAll, describe, expect, test } from "vitest";
import { customerTables } from "../../peer-sdk/src/customer/records.ts";
import { identities } from "../../peer-sdk/src/identity.ts";
import { merchantTables } from "../../peer-sdk/src/merchant/records.ts";
import type { Table } from "../../peer-sdk/src/store/table.ts";
import { given } from "../peer-sdk/support/hand.ts";
import { createWorld, DAY } from "../peer-sdk/support/world.ts";
import { standInSuite } from "../support/stand-in-suite.ts";
import { kept } from "./support/corpus.ts";
import { assault, type Decoder } from "./support/decoder.ts";
import { Tallies } from "./support/tallies.ts";

const tallies = new Tallies();
afterAll(() => tallies.end());

/** A store with one entry, which a test exchanges, whatever it is asked for. */
let entry: Uint8Array = new Uint8Array(0);
const oneEntry: PeerStore = {
  get: async () => entry,
  list: async (prefix) => [[prefix, entry]],
  commit: async () => {},
  openLog: memoryPeerStore().openLog,
  close: async () => {},
};

const tables: Readonly<Record<string, Table<unknown>>> = {
  ...(customerTables(oneEntry) as unknown as Record<string, Table<unknown>>),
  ...(merchantTables(oneEntry) as unknown as Record<string, Table<unknown>>),
  identity: identities(oneEntry) as unknown as Table<unknown>,
};

const records = await lived();

const decoders: readonly Decoder[] = Object.entries(tables).map(([name, table]) => ({
  name,
  seeds: seedsOf(table),
  decode: (bytes) => {
    entry = bytes;
    return table.get("id");
  },
  encode: (value) => table.put("id", value).value,
  codes: ["store-damaged"],
}));

test("every table has records to begin with", () => {
  expect(decoders.filter(({ seeds }) => seeds.length === 0).map(({ name }) => name)).toEqual([]);
});

describe("a peer's record that was damaged is refused as such or says exactly what its bytes say:", () => {
  test.each(decoders)("$name", async (each) => {
    await tallies.add(each.name, () => assault(each, kept));
  });
});

test("listing finds the damage that reading finds", async () => {
  const purse = tables.purse as Table<unknown>;
  entry = new Uint8Array([0xa1]);
  await expect(purse.list()).rejects.toMatchObject({ code: "store-damaged" });
  expect(isRefusal(new LeptaError("store-damaged"))).toBe(false);
});

/** The stored bytes under a table's prefix. */
function seedsOf(table: Table<unknown>): readonly Uint8Array[] {
  // What was passed over is kept as what was held is, and one mark as another.
  const alike = new Map([
    [tables.superseded, tables.purse],
    [tables.restoring, tables.received],
  ]);
  const prefix = (alike.get(table) ?? table).remove("").key;
  return records
    .filter(([key]) => key.startsWith(prefix))
    .map(([, value]) => value)
    .slice(0, 6);
}

/** What a wallet and a merchant keep after a top-up, some purchases and a few that were cut off. */
async function lived(): Promise<readonly (readonly [string, Uint8Array])[]> {
  const world = await createWorld({ suite: standInSuite(), seed: "records" });
  const [store, merchantStore] = [memoryPeerStore(), memoryPeerStore()];
  const found: (readonly [string, Uint8Array])[] = [];
  const look = async (): Promise<void> => {
    for (const each of [store, merchantStore]) found.push(...(await each.list("")));
  };
  let isCut = false;
  const seller = await world.merchant("ws://shop/", {
    store: merchantStore,
    catalogue: {
      page: { price: "EUR 0.02", deliver: () => "goods" },
      book: { price: "EUR 2.00", deliver: () => "goods" },
    },
    transport: (method, url, body) =>
      isCut && /authorise|refund|abort/.test(url)
        ? Promise.reject(new LeptaError("unreachable"))
        : world.transport(method, url, body),
  });
  const wallet = await world.wallet({
    store,
    connect: async (url) => {
      const channel = await world.connect(url);
      return {
        isOpen: true,
        close: () => channel.close(),
        request: async (messages) => {
          await look();
          return channel.request(messages);
        },
      };
    },
  });
  await wallet.topUp("EUR 10.00");
  await wallet.buy("ws://shop/", "page", { max: "EUR 0.02" });
  await wallet.buy("ws://shop/", "page", { max: "EUR 0.02" });
  await wallet.redeem("EUR 1.00");
  await seller.refund(wallet.uid, given((await seller.sales())[0]).txn);
  await wallet.collect("ws://shop/");
  world.runtime.advance(85 * DAY);
  await world.rotate();
  await wallet.renew();
  await seller.settle();
  await look();
  await wallet.obtain("ws://shop/", "EUR 0.10");
  isCut = true;
  await wallet.refund("ws://shop/").catch(() => undefined);
  await look();
  await wallet.buy("ws://shop/", "book", { max: "EUR 2.00" }).catch(() => undefined);
  await look();
  await world.close();
  return found;
}
