/** The store of a page in a real browser: what every store promises, who holds it, and what lies in it. */

import type { HistoryEntry, PeerStore } from "@lepta/peer-sdk";
import { defaultSuite } from "@lepta/protocol";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { derivedRandom } from "../../peer-sdk/src/derived.ts";
import { readPhrase } from "../../peer-sdk/src/phrase.ts";
import { testStore } from "../peer-sdk/support/store-contract.ts";
import { chromiumPath, whereItIs } from "./chromium.ts";
import { inPage, openShop, type Shop } from "./shop.ts";

/** Milliseconds: a browser and a cloud start. */
const PATIENCE = 120_000;

const script = `
  import { indexedDbPeerStore, Wallet } from "@lepta/peer-sdk";
  const encode = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const decode = (text) => Uint8Array.from(atob(text), (unit) => unit.charCodeAt(0));
  const entries = (found) => found.map(([key, value]) => [key, encode(value)]);
  const asked = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  Object.assign(globalThis, {
    stores: new Map(),
    openStore: async (name) => { stores.set(name, await indexedDbPeerStore(name)); },
    get: async (name, key) => { const value = await stores.get(name).get(key); return value && encode(value); },
    list: async (name, prefix, options) => entries(await stores.get(name).list(prefix, options)),
    commit: (name, changes) => stores.get(name).commit(
      changes.map(({ key, value }) => ({ key, value: value === undefined ? undefined : decode(value) }))),
    append: async (name, numbers) => {
      const { log, found } = await stores.get(name).openLog("bought");
      for (const number of numbers) log.append(Uint8Array.of(number));
      await log.sync();
      if (found.length > 0) log.release(found[0].position);
      return found.map(({ record }) => record[0]);
    },
    closeStore: (name) => stores.get(name).close(),
    openWallet: async (broker) => {
      const told = [];
      const store = await indexedDbPeerStore("wallet");
      globalThis.wallet = await Wallet.open({ broker, store, onPhrase: (phrase) => { told.push(phrase); } });
      return { uid: wallet.uid, told };
    },
    call: async (method, ...args) => wallet[method](...args),
    buy: async (url, sku) => {
      const { goods, receipt } = await wallet.buy(url, sku, { max: "EUR 0.10", vendorScrip: "EUR 1.00" });
      return { text: goods.text(), txn: receipt.txn };
    },
    recall: async (txn) => (await wallet.recall(txn))?.goods.text(),
    /** Everything in every database of this origin: bytes as text, and what exporting each key says. */
    everything: async () => {
      const [bytes, keys] = [[], []];
      const look = async (value) => {
        if (value instanceof CryptoKey) {
          const names = ["jwk", "pkcs8", "raw"];
          const said = names.map((format) => crypto.subtle.exportKey(format, value).then(() => "exported", (fault) => fault.name));
          keys.push({ type: value.type, algorithm: value.algorithm.name, extractable: value.extractable, said: await Promise.all(said) });
        } else if (value instanceof ArrayBuffer) bytes.push(encode(new Uint8Array(value)));
        else if (ArrayBuffer.isView(value)) bytes.push(encode(new Uint8Array(value.buffer)));
        else if (typeof value === "object" && value !== null) for (const each of Object.values(value)) await look(each);
        else bytes.push(btoa(encodeURIComponent(String(value))));
      };
      for (const { name } of await indexedDB.databases()) {
        const database = await asked(indexedDB.open(name));
        for (const table of database.objectStoreNames) {
          const it = database.transaction(table).objectStore(table);
          const [names, values] = await Promise.all([asked(it.getAllKeys()), asked(it.getAll())]);
          for (const each of [...names, ...values]) await look(each);
        }
        database.close();
      }
      return { bytes, keys };
    },
  });
`;

interface Found {
  readonly bytes: readonly string[];
  readonly keys: readonly unknown[];
}

describe.skipIf(chromiumPath === undefined)(`a page's store${whereItIs}`, () => {
  let shop: Shop;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    shop = await openShop(script, {
      article: { price: "EUR 0.02", deliver: () => "Small change." },
      book: { price: "EUR 0.08", deliver: () => "A whole book." },
    });
  }, PATIENCE);
  afterAll(() => shop?.close());
  beforeEach(async () => {
    context = await shop.browser.newContext();
    page = await shop.page(context);
  });
  afterEach(async () => {
    await context.close();
    expect(shop.faults).toEqual([]);
  });

  describe("in IndexedDB", () => {
    let count = 0;
    testStore(async () => {
      count += 1;
      const name = `contract ${count}`;
      expect(await inPage(page, "openStore", name)).toBeUndefined();
      return storeIn(page, name);
    });
  });

  test("is one tab's: another is refused with store-locked until it is closed or gone, and finds all of it", async () => {
    await inPage(page, "openStore", "one");
    await inPage(page, "commit", "one", [{ key: "a", value: "AQ==" }]);
    expect(await inPage(page, "append", "one", [1, 2, 3])).toEqual([]);
    const other = await shop.page(context);
    expect(await inPage(other, "openStore", "one")).toBe("store-locked");
    await page.close();
    await expect.poll(() => inPage(other, "openStore", "one")).toBeUndefined();
    expect(await inPage(other, "get", "one", "a")).toBe("AQ==");
    expect(await inPage(other, "append", "one", [4])).toEqual([1, 2, 3]);
    await inPage(other, "closeStore", "one");
    expect(await inPage(other, "openStore", "one")).toBeUndefined();
    expect(await inPage(other, "append", "one", [5])).toEqual([2, 3, 4]);
  });

  test("holds no private key, no phrase and nothing that they follow from, and its keys cannot be exported", async () => {
    const { uid, told } = (await inPage(page, "openWallet", shop.broker)) as { uid: string; told: string[] };
    await inPage(page, "call", "topUp", "EUR 5.00");
    await inPage(page, "buy", shop.url, "article");
    await inPage(page, "buy", shop.url, "book");
    const phrase = told[0] ?? expect.unreachable();
    const entropy = await readPhrase(phrase);
    const scalar = await defaultSuite.createSigningKey(derivedRandom(entropy, "signing key"));
    const sealing = await defaultSuite.createSealingKey(derivedRandom(entropy, "sealing key"));
    const signing = await defaultSuite.signingKey(scalar);
    expect(signing.id).toBe(uid);
    const { bytes, keys } = (await inPage(page, "everything")) as Found;
    const all = Buffer.concat(bytes.map((each) => Buffer.from(each, "base64")));
    // It does read all that there is: the public halves are in it.
    for (const known of [signing.publicKey, (await defaultSuite.openingKey(sealing)).publicKey])
      expect(all.includes(Buffer.from(known))).toBe(true);
    for (const secret of [scalar, sealing, entropy]) expect(all.includes(Buffer.from(secret))).toBe(false);
    for (const word of phrase.split(" ")) expect(all.includes(` ${word} `)).toBe(false);
    expect(all.includes(phrase)).toBe(false);
    const [ecdsa, x25519] = ["ECDSA", "X25519"].map((algorithm) => ({
      type: "private",
      algorithm,
      extractable: false,
      said: Array.from({ length: 3 }, () =>
        expect.stringMatching(/^(InvalidAccessError|NotSupportedError)$/),
      ),
    }));
    expect(keys).toHaveLength(2);
    expect(keys).toEqual(expect.arrayContaining([ecdsa, x25519]));
  });

  test("a reload goes on with the same UID, buys, and reads old receipts; the phrase is not told again", async () => {
    const first = (await inPage(page, "openWallet", shop.broker)) as { uid: string };
    await inPage(page, "call", "topUp", "EUR 5.00");
    const old = (await inPage(page, "buy", shop.url, "book")) as { txn: string };
    const lane = (await inPage(page, "buy", shop.url, "article")) as { txn: string };
    await page.reload();
    expect(await inPage(page, "openWallet", shop.broker)).toEqual({ uid: first.uid, told: [] });
    expect(await inPage(page, "buy", shop.url, "article")).toMatchObject({ text: "Small change." });
    expect(await inPage(page, "buy", shop.url, "book")).toMatchObject({ text: "A whole book." });
    expect(await inPage(page, "recall", old.txn)).toBe("A whole book.");
    expect(await inPage(page, "recall", lane.txn)).toBe("Small change.");
    expect(await inPage(page, "call", "recoveryPhrase")).toBe("bad-phrase");
    const history = (await inPage(page, "call", "history")) as HistoryEntry[];
    expect(
      history
        .filter(({ kind }) => kind === "purchase")
        .map(({ amount }) => amount)
        .sort(),
    ).toEqual(["EUR 0.02", "EUR 0.02", "EUR 0.08", "EUR 0.08"]);
  });
});

/** A store in a page, as if it were here. */
function storeIn(page: Page, name: string): PeerStore {
  const asked = async (method: string, ...args: readonly unknown[]): Promise<unknown> => {
    const outcome = await inPage(page, method, name, ...args);
    if (typeof outcome === "string" && method !== "get") throw new Error(outcome);
    return outcome;
  };
  const decoded = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
  return {
    get: async (key) => {
      const value = await asked("get", key);
      return typeof value === "string" ? decoded(value) : undefined;
    },
    list: async (prefix, options) =>
      ((await asked("list", prefix, options)) as [string, string][]).map(([key, value]) => [
        key,
        decoded(value),
      ]),
    commit: async (changes) => {
      await asked(
        "commit",
        changes.map(({ key, value }) => ({
          key,
          ...(value === undefined ? {} : { value: Buffer.from(value).toString("base64") }),
        })),
      );
    },
    openLog: () => Promise.reject(new Error("a log answers at once")),
    close: async () => {
      await asked("closeStore");
    },
  };
}
