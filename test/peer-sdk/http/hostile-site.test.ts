/** A site that means harm to a wallet, or fails at the worst moment: what the wallet's limits and books say holds. */
import { limits } from "@lepta/protocol";
import { afterEach, expect, test } from "vitest";
import { formatChallenge, parseChallenges } from "../../../peer-sdk/src/http/challenge.ts";
import { readTerms, type Terms, writeTerms } from "../../../peer-sdk/src/http/terms.ts";
import { createWall, SHOP, SITE, type Wall } from "./support/wall.ts";

let it: Wall;
afterEach(() => it.close());

const sold = async (): Promise<bigint> => (await it.wall.merchant.books("EUR")).sold;
const spent = async () => (await it.wallet.budget("fetch")).spent();

/** What the merchant keeps of its answers is gone: it sells for the same challenge again. */
async function forgetAnswers(): Promise<void> {
  const kept = await it.store.list("answer");
  await it.store.commit(kept.map(([key]) => ({ key, value: undefined })));
}

test.each(["/report", "/film"])(
  "the same challenge for every request to %s counts each time",
  async (path) => {
    it = await createWall({ "GET /report": "EUR 0.02", "GET /film": "EUR 0.20" });
    let first: Response | undefined;
    it.passage = async (request, pass) => {
      if (request.headers.has("authorization")) return pass();
      await forgetAnswers();
      first ??= await pass();
      return new Response(null, first);
    };
    const [max, perDay] = ["EUR 0.20", path === "/film" ? "EUR 0.50" : "EUR 0.05"];
    const pay = it.wallet.fetch({ max, perDay, fetch: it.fetch });
    for (const page of [1, 2]) expect([page, (await pay(`${SITE}${path}`)).status]).toEqual([page, 200]);
    await expect(pay(`${SITE}${path}`)).rejects.toMatchObject({ code: "over-budget" });
    expect((await spent()).last24h.value).toBe(await sold());
  },
);

test.each([
  ["/report", 20_000n],
  ["/film", 200_000n],
])("what was paid for at %s is not paid again while its site only fails", async (path, once) => {
  it = await createWall({ "GET /report": "EUR 0.02", "GET /film": "EUR 0.20" });
  let failing = true;
  it.passage = async (request, pass) => {
    const answer = await pass();
    const isLost = failing && request.headers.has("authorization");
    return isLost ? new Response("busy", { status: 503 }) : answer;
  };
  const pay = it.wallet.fetch({ max: "EUR 0.20", fetch: it.fetch });
  const url = `${SITE}${path}`;
  for (const _ of [1, 2, 3]) await expect(pay(url)).rejects.toMatchObject({ code: "pending" });
  failing = false;
  expect(await (await pay(url)).text()).toBe("the report");
  expect([await sold(), (await spent()).last24h.value]).toEqual([once, once]);
});

test("an answer that is counted before it begins is paid for in as many pieces as it takes", async () => {
  it = await createWall({ "POST /ask": { unit: "token", price: "EUR 0.00001", max: "EUR 0.05" } });
  it.serve = async (_request, payment) => {
    await payment?.use?.(4000);
    return new Response("the whole answer at once");
  };
  const ask = { method: "POST", body: "think first" };
  const answer = await it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch })(`${SITE}/ask`, ask);
  expect([answer.status, await answer.text()]).toEqual([200, "the whole answer at once"]);
  await it.settled();
  expect([await sold(), (await spent()).last24h.value]).toEqual([40_000n, 40_000n]);
});

test("an answer that would cost more before it begins than its reader allows is waited for no longer", async () => {
  it = await createWall({ "POST /ask": { unit: "token", price: "EUR 0.00001", max: "EUR 0.05" } });
  it.serve = async (_request, payment) => {
    await payment?.use?.(4000);
    return new Response("the whole answer at once");
  };
  const ask = { method: "POST", body: "think first" };
  const pay = it.wallet.fetch({ max: "EUR 0.03", fetch: it.fetch });
  await expect(pay(`${SITE}/ask`, ask)).rejects.toMatchObject({ code: "over-max" });
  await it.settled();
  expect([await sold(), (await spent()).last24h.value, (await spent()).reserved.value]).toEqual([
    30_000n,
    30_000n,
    0n,
  ]);
});

test("what a payment has cost that nobody heard of in time counts once it is known, and is no longer set aside", async () => {
  it = await createWall({ "GET /report": "EUR 0.02", "GET /film": "EUR 0.20" });
  let isAway = false;
  it.passage = async (request, pass) => {
    if (isAway) throw new TypeError("the connection broke");
    const answer = await pass();
    if (!request.headers.has("authorization")) return answer;
    isAway = true;
    it.world.places.delete(SHOP);
    await it.wall.close();
    throw new TypeError("the connection broke");
  };
  const within = { max: "EUR 0.20", perDay: "EUR 0.25", fetch: it.fetch };
  await expect(it.wallet.fetch({ ...within, budget: "films" })(`${SITE}/film`)).rejects.toThrow();
  const films = await it.wallet.budget("films");
  expect((await films.spent()).reserved.value).toBe(200_000n);
  it.passage = undefined;
  await it.restart();
  await it.wallet.resume();
  // Whichever request comes next, under whichever budget.
  expect((await it.wallet.fetch(within)(`${SITE}/report`)).status).toBe(200);
  expect(await films.spent()).toMatchObject({ last24h: { value: 200_000n }, reserved: { value: 0n } });
  expect((await spent()).last24h.value).toBe(20_000n);
});

test("what is set aside for a piece that its merchant never answered is free again when it has refused it", async () => {
  it = await createWall({ "POST /ask": { unit: "token", price: "EUR 0.00001", max: "EUR 0.05" } });
  const pay = it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch });
  const ask = { method: "POST", body: "count" };
  it.serve = () => new Response("first");
  await (await pay(`${SITE}/ask`, ask)).text();
  await it.settled();
  const before = await spent();
  // Its process ends while it makes the answer.
  it.serve = () => {
    Promise.resolve(it.wall.close()).catch(() => undefined);
    return new Response("no", { status: 500 });
  };
  await pay(`${SITE}/ask`, ask).catch(() => undefined);
  it.serve = () => new Response("free");
  await it.restart();
  await it.settled();
  await (await pay(`${SITE}/ask`, { ...ask, body: "again" })).text();
  // Its request never comes again.
  it.pass(limits.meetWithin);
  await it.settled();
  await pay(`${SITE}/nothing`);
  expect((await spent()).reserved.value).toBe(0n);
  expect((await spent()).last24h.value).toBe(before.last24h.value);
});

test.each<[string, Partial<Terms>]>([
  ["another method", { resource: "DELETE /report" }],
  ["another path", { resource: "GET /film" }],
  ["what listens on the wallet's machine", { address: "ws://localhost:9" }],
  ["the same over TLS", { address: "wss://127.0.0.1" }],
  ["a merchant without TLS", { address: "ws://shop.example/pay" }],
])("a site cannot lead a payment to %s", async (_where, change) => {
  it = await createWall({ "GET /report": "EUR 0.02" });
  it.passage = async (_request, pass) => {
    const answer = await pass();
    const [challenge] = parseChallenges(answer.headers.get("www-authenticate") ?? "");
    if (challenge === undefined) return answer;
    const terms = { ...(readTerms(challenge.request) as Terms), ...change };
    const headers = { "www-authenticate": formatChallenge({ ...challenge, request: writeTerms(terms) }) };
    return new Response("pay", { status: 402, headers });
  };
  const answer = await it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch })(`${SITE}/report`);
  expect([answer.status, it.log.length]).toEqual([402, 1]);
  expect((await spent()).reserved.value).toBe(0n);
});
