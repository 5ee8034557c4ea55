/** `lepta pay`: like curl, but that it pays, and says what it has paid. And the same pages through `lepta mcp`. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SITE_ROUTES, type Site, startSite } from "@lepta/cli/lepta/dev/site";
import { type OpenPaywall, paywall } from "@lepta/peer-sdk";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../../../tools/packages.ts";
import { type Market, market, type Ran, ran, told } from "./support.ts";

let place: Market;
let home: string;
let wall: OpenPaywall;
let site: Site;

beforeAll(async () => {
  place = await market();
  home = place.home("reader");
  wall = await paywall({
    dir: join(place.dir, "site"),
    broker: place.cloud.pinnedUrl,
    routes: SITE_ROUTES,
    noticeDelay: 10,
  });
  site = await startSite(wall, 0);
  await told(["wallet", "init", "--home", home, "--broker", place.cloud.url]);
  await told(["wallet", "topup", "EUR 5", "--home", home]);
});
afterAll(async () => {
  await site.close();
  await wall.close();
  await place.close();
});

const pay = (path: string, ...args: readonly string[]): Promise<Ran> =>
  ran(["pay", `${site.url}${path}`, "--home", home, "--max", "EUR 0.02", ...args]);
const sold = async (): Promise<bigint> => (await wall.merchant.books("EUR")).sold;

test("the answer goes to standard output and the cost to standard error, with the receipt's name", async () => {
  const { status, out, err } = await pay("/stories/oboloi");
  expect(status).toBe(0);
  expect(out).toContain("drachma");
  const [, txn = ""] = /Paid EUR 0\.01\. The receipt: lepta wallet receipt (\S+)/.exec(err) ?? [];
  expect(await sold()).toBe(10_000n);
  const receipt = await told(["wallet", "receipt", txn, "--home", home]);
  expect(receipt).toMatchObject({ charged: "EUR 0.01", sku: "GET /stories/:name" });
});

test("a page that costs nothing is fetched as it is", async () => {
  const { status, out, err } = await pay("/");
  expect([status, err]).toEqual([0, "Nothing was paid.\n"]);
  expect(out).toContain("/stories/oboloi");
});

test("--quote tells the price and pays nothing", async () => {
  const before = await sold();
  const { status, out } = await pay("/stories/oboloi", "--quote", "--json");
  expect([status, JSON.parse(out)]).toMatchObject([0, { price: "EUR 0.01", merchant: wall.merchant.uid }]);
  expect(await sold()).toBe(before);
});

test("what the site does not make costs nothing, and the exit status says so", async () => {
  const before = await sold();
  const { status, out, err } = await pay("/stories/nothing");
  expect([status, out]).toEqual([1, "There is no such story.\n"]);
  expect(err).toContain("The site answered 404.\nNothing was paid.");
  expect(await sold()).toBe(before);
});

test("above --max nothing is paid: 3, and what to do", async () => {
  const { status, out, err } = await ran([
    "pay",
    `${site.url}/stories/oboloi`,
    "--home",
    home,
    "--max",
    "EUR 0.001",
  ]);
  expect([status, out]).toEqual([3, ""]);
  expect(err).toContain("--max");
});

test("above --per-day nothing is paid either, over all commands", async () => {
  const { status } = await pay("/stories/oboloi", "--per-day", "EUR 0.011");
  expect(status).toBe(3);
});

test("a metered answer comes as it is made and costs what it used", async () => {
  const before = await sold();
  const { status, err } = await pay("/read-aloud");
  expect(status).toBe(0);
  const charged = (await sold()) - before;
  expect(charged).toBeGreaterThan(0n);
  expect(err).toContain(`Paid EUR ${Number(charged) / 1e6}`);
});

test("a metered answer that would cost too much breaks off, and it is said what was paid for what came", async () => {
  const { status, out, err } = await ran([
    "pay",
    `${site.url}/read-aloud`,
    "--home",
    home,
    "--max",
    "EUR 0.0005",
  ]);
  expect(status).toBe(3);
  expect(out.split(" ").length).toBeGreaterThan(40);
  expect(err).toContain("The answer broke off, and EUR 0.0005 was paid for what came");
});

test("-o writes a file, and one that is there is not written over: then nothing is paid", async () => {
  const dir = await mkdtemp(join(tmpdir(), "lepta-pay-"));
  const file = join(dir, "story.txt");
  expect((await pay("/stories/oboloi", "-o", file)).status).toBe(0);
  expect(await readFile(file, "utf8")).toContain("drachma");
  const before = await sold();
  expect((await pay("/stories/oboloi", "-o", file)).status).toBe(2);
  expect(await sold()).toBe(before);
  await rm(dir, { recursive: true });
});

test.each([["ftp://example.org/x"], ["nowhere"]])("%s is no address: 2", async (url) => {
  expect((await ran(["pay", url, "--home", home, "--max", "EUR 0.02"])).status).toBe(2);
});

test("an agent pays for pages through lepta mcp, within its owner's limits", async () => {
  const config = join(place.dir, "agent.json");
  const { host } = new URL(site.url);
  await writeFile(config, JSON.stringify({ max: "EUR 0.02", perDay: "EUR 0.025", hosts: [host] }));
  const client = new Client({ name: "test", version: "1" });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [join(root, "cli/bin/lepta.mjs"), "mcp", "--home", home, "--config", config],
    stderr: "ignore",
  });
  await client.connect(transport);
  const call = async (name: string, args: object = {}) => {
    const { content, isError } = (await client.callTool({ name, arguments: { ...args } })) as {
      content: { text: string }[];
      isError?: boolean;
    };
    return { facts: JSON.parse(content[0]?.text ?? "{}"), goods: content[1]?.text, isError };
  };
  const url = `${site.url}/stories/oboloi`;
  expect((await call("quote", { url })).facts).toMatchObject({ price: "EUR 0.01" });
  const paid = await call("pay", { url });
  expect(paid.facts).toMatchObject({ charged: "EUR 0.01", status: 200 });
  expect(paid.goods).toContain("drachma");
  expect((await call("pay", { url })).facts).toMatchObject({ charged: "EUR 0.01" });
  const over = await call("pay", { url });
  expect(over).toMatchObject({ isError: true, facts: { error: { code: "over-budget" } } });
  expect((await call("balance")).facts.last24h.charged).toBe("EUR 0.02");
  const { facts } = await call("receipts", { txn: paid.facts.txn });
  expect(JSON.stringify(facts)).toContain("EUR 0.01");
  await client.close();
});
