import { existsSync, readFileSync, statSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isRefusal, verifyReceipt } from "@lepta/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Market, market, ran, type Shop, serving, told } from "./support.ts";

const STORY = "The whole story.\n";
const PHOTO = Buffer.from([0xff, 0xd8, 0x00, 0x1b, 0x5b, 0x32, 0x4a]);

let place: Market;
let customer: string;
let seller: string;
let shop: Shop;

beforeAll(async () => {
  place = await market({ variables: { LEPTA_HOLD_TIME_MS: "0" } });
  customer = place.home("customer");
  seller = place.home("seller");
  const catalogue = join(place.dir, "catalogue.json");
  await writeFile(join(place.dir, "photo.jpg"), PHOTO);
  await writeFile(
    catalogue,
    JSON.stringify({
      "article-17": { price: "EUR 0.02", description: "A story", text: STORY },
      "photo-3": { price: "EUR 0.10", file: "photo.jpg", type: "image/jpeg" },
    }),
  );
  await told(["merchant", "init", "--home", seller, "--broker", place.cloud.url]);
  shop = await serving(seller, catalogue);
});
afterAll(async () => {
  await shop.stop();
  await place.close();
});

const wallet = (...args: readonly string[]) => ran(["wallet", ...args, "--home", customer]);
const asked = (...args: readonly string[]) => told(["wallet", ...args, "--home", customer]);

describe("a first payment, step by step", () => {
  test("init finds the broker of lepta dev, remembers it with its pin, and says how to see the words", async () => {
    await mkdir(customer, { mode: 0o700 });
    await writeFile(
      join(customer, "dev.json"),
      JSON.stringify({ broker: place.cloud.url, merchant: "ws://x" }),
    );
    const { status, out } = await wallet("init");
    expect(status).toBe(0);
    expect(out).toContain("Twelve words bring it back");
    expect(out).toContain("lepta wallet backup --show");
    const file = join(customer, "wallet.json");
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ broker: place.cloud.pinnedUrl });
    expect(statSync(file).mode & 0o077).toBe(0);
    expect(statSync(join(customer, "wallet")).mode & 0o077).toBe(0);
  });

  test("init again changes nothing", async () => {
    const { uid } = await asked("balance");
    expect(await asked("init")).toMatchObject({ uid, isNew: false, broker: place.cloud.pinnedUrl });
  });

  test("an item that costs more than there is is refused with 3, and says to top up", async () => {
    const { status, out, err } = await wallet("buy", shop.url, "article-17", "--max", "EUR 0.05");
    expect([status, out]).toEqual([3, ""]);
    expect(err).toContain("lepta wallet topup");
  });

  test("topup puts money in", async () => {
    const { status, out } = await wallet("topup", "EUR 5");
    expect([status, out]).toEqual([0, "EUR 5.00 is in the wallet.\nAt the broker: EUR 5.00\n"]);
  });

  test("what costs more than --max is not bought", async () => {
    const { status, out } = await ran([
      "wallet",
      "buy",
      shop.url,
      "article-17",
      "--max",
      "EUR 0.01",
      "--home",
      customer,
      "--json",
    ]);
    expect([status, JSON.parse(out).error.code]).toEqual([3, "over-max"]);
    expect(await asked("balance")).toMatchObject({ brokerScrip: "EUR 5.00" });
  });

  test("buy writes the very goods to a pipe, and what they cost to standard error", async () => {
    const { status, out, err } = await wallet("buy", shop.url, "article-17", "--max", "EUR 0.05");
    expect([status, out]).toEqual([0, STORY]);
    expect(err).toMatch(/^Paid EUR 0\.02\. The receipt: lepta wallet receipt \S+\n$/);
  });

  test("the line that merchant serve prints buys the item", async () => {
    const [, url = "", sku = "", max = ""] =
      /^npx lepta wallet buy "([^"]+)" (\S+) --max "([^"]+)"$/.exec(shop.buy) ?? [];
    expect(await asked("buy", url, sku, "--max", max)).toMatchObject({
      charged: "EUR 0.02",
      isEarlier: false,
      goods: { text: STORY },
    });
  });

  test("buy -o writes goods to a file that was not there, and buys nothing where it was", async () => {
    const file = join(place.dir, "photo-bought.jpg");
    const args = ["buy", shop.url, "photo-3", "--max", "EUR 0.10", "-o", file];
    const { status, err } = await wallet(...args);
    expect([status, await readFile(file)]).toEqual([0, PHOTO]);
    expect(err).toContain("Paid EUR 0.10");
    const before = await asked("history");
    expect((await wallet(...args)).status).toBe(2);
    expect(await asked("history")).toEqual(before);
  });

  test("a terminal is shown no bytes that it would obey", async () => {
    const isTerminal = { stdout: true, stderr: true };
    const { transactions } = await asked("history");
    const { txn } = transactions.findLast(({ sku }: { sku?: string }) => sku === "photo-3");
    const { out } = await ran(["wallet", "goods", txn, "--home", customer], { isTerminal });
    expect(out).toContain("7 bytes of image/jpeg");
    expect(out).not.toContain("\u001b");
  });

  test("history shows it all with plain words, the latest last", async () => {
    const { out } = await wallet("history", "--limit", "2");
    expect(out).toMatch(/^time +what +item +merchant +amount +state +name\n/);
    expect(out).toMatch(/purchase +photo-3 +\S+… +EUR 0\.10 +(paid|settled) +\S+\n\nThe latest 2 of 5;/);
    const { total, transactions } = await asked("history");
    expect([total, transactions.length]).toEqual([5, 5]);
  });

  test("a receipt is proved to whoever knows the broker's thumbprint", async () => {
    const { transactions } = await asked("history");
    const { txn } = transactions.findLast(({ sku }: { sku?: string }) => sku === "article-17");
    const file = join(place.dir, "receipt");
    const { status, out } = await wallet("receipt", txn, "-o", file);
    expect(status).toBe(0);
    expect(out).toContain("item      1 × article-17 (A story)\ncharged   EUR 0.02\n");
    expect(statSync(file).mode & 0o077).toBe(0);
    const proven = await verifyReceipt(await readFile(file), place.cloud.network, { now: Date.now() });
    expect(isRefusal(proven) ? proven.code : proven.txn).toBe(txn);
    const piped = await wallet("receipt", txn, "-o", "-");
    expect(Buffer.from(piped.out, "latin1")).toEqual(await readFile(file));
    expect((await wallet("receipt", txn, "-o", file)).status).toBe(1);
    expect((await asked("receipt", "last")).sku).toBe("photo-3");
  });

  test("nothing is under way at the end", async () => {
    const { status, out } = await wallet("pending");
    expect([status, out]).toEqual([0, "Nothing is under way.\n"]);
  });

  test("redeem pays out an amount, and then the rest", async () => {
    const before = await asked("balance");
    expect(await asked("redeem", "EUR 1.00")).toMatchObject({ amount: "EUR 1.00", isEarlier: false });
    expect(before.brokerScrip).toBe("EUR 4.60");
    expect(await asked("redeem")).toMatchObject({ amount: "EUR 3.60", brokerScrip: "nothing" });
    expect((await wallet("redeem")).status).toBe(3);
  });

  test("backup shows the words only when it is told where to", async () => {
    const { status, out } = await wallet("backup");
    expect([status, out]).toEqual([2, ""]);
    const file = join(place.dir, "words.txt");
    const written = await wallet("backup", "-o", file);
    const words = await readFile(file, "utf8");
    expect(words.trim().split(" ")).toHaveLength(12);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(written.out + written.err).not.toContain(words.trim());
    expect(written.out).toContain("Whoever has these twelve words has the wallet's money");
    expect((await wallet("backup", "-o", file)).status).toBe(1);
    const shown = await wallet("backup", "--show");
    expect([shown.out, shown.status]).toEqual([words, 0]);
    expect(shown.err).toContain("Whoever has these twelve words");
  });

  test("restore brings the wallet back in another home, from standard input", async () => {
    const stdin = await readFile(join(place.dir, "words.txt"), "utf8");
    const before = await asked("balance");
    const other = place.home("other");
    const args = ["wallet", "restore", "--home", other, "--broker", place.cloud.pinnedUrl];
    expect(await told(args, { stdin })).toMatchObject({ uid: before.uid, missing: [] });
    expect((await told(["wallet", "balance", "--home", other])).vendorScrip).toMatchObject(
      before.vendorScrip.map(({ amount }: { amount: string }) => ({ amount })),
    );
    // Words of another wallet do not replace this one, and typed ones are asked for where somebody is there.
    const another = place.home("another");
    await told(["wallet", "init", "--home", another, "--broker", place.cloud.url]);
    const taken = await ran(["wallet", "restore", "--home", another, "--json"], {
      askSecret: async () => stdin,
    });
    expect([taken.status, JSON.parse(taken.out).error.code]).toEqual([1, "store-damaged"]);
  });

  test("words that are none restore nothing", async () => {
    const home = place.home("none");
    for (const stdin of ["", "one two three"]) {
      const args = ["wallet", "restore", "--home", home, "--broker", place.cloud.pinnedUrl, "--json"];
      const { status, out } = await ran(args, { stdin });
      expect([status, JSON.parse(out).error.code]).toEqual([1, "bad-phrase"]);
      expect(existsSync(join(home, "wallet.json"))).toBe(false);
    }
  });

  test("while the merchant serves, others are told that its directory is open, with 4", async () => {
    const { status, out } = await ran(["merchant", "sales", "--home", seller, "--json"]);
    expect([status, JSON.parse(out).error.code]).toEqual([4, "store-locked"]);
  });

  test("a merchant that was stopped shows what it sold, and has the broker pay", async () => {
    expect(await shop.stop()).toMatchObject({ status: 0, err: "" });
    const { total, sales } = await told(["merchant", "sales", "--home", seller]);
    expect([total, sales.map(({ charged }: { charged: string }) => charged)]).toEqual([
      3,
      ["EUR 0.02", "EUR 0.02", "EUR 0.10"],
    ]);
    const { out } = await ran(["merchant", "sales", "--home", seller, "--limit", "1"]);
    expect(out).toMatch(/photo-3 +1 +EUR 0\.10 +sold +\S+ +\S+\n\nThe latest 1 of 3;/);
    const settled = await ran(["merchant", "settle", "--home", seller]);
    expect([settled.status, settled.out]).toEqual([
      0,
      "EUR 0.40 went to the account.\nCarried on to the next settlement: EUR 0.00\n",
    ]);
    expect(await told(["merchant", "settle", "--home", seller])).toMatchObject({ paid: "EUR 0.00" });
  });

  test("with its merchant away, buying is unreachable, with 4, and nothing is paid", async () => {
    await asked("topup", "EUR 1.00");
    const args = ["wallet", "buy", shop.url, "article-17", "--max", "EUR 0.05", "--home", customer, "--json"];
    const { status, out } = await ran(args);
    expect([status, JSON.parse(out).error.code]).toEqual([4, "unreachable"]);
  });
});
