/** The exchange of docs/http.md between a wallet's fetch and a paywall: what is charged, and what never is. */
import { afterEach, describe, expect, test } from "vitest";
import { createWall, SHOP, SITE, type Wall } from "./support/wall.ts";

let it: Wall;
afterEach(() => it.close());

const ROUTES = { "GET /report": "EUR 0.02", "GET /film": "EUR 0.20", "POST /ask": "EUR 0.01" };
const sold = async (): Promise<bigint> => (await it.wall.merchant.books("EUR")).sold;

describe.each([
  { path: "/report", intent: "session", price: 20_000n },
  { path: "/film", intent: "charge", price: 200_000n },
])("a route of $price millionths, paid by $intent", ({ path, intent, price }) => {
  test("answers who pays, with a receipt, and charges its price once", async () => {
    it = await createWall(ROUTES);
    const pay = it.wallet.fetch({ max: "EUR 0.50", fetch: it.fetch });
    const answer = await pay(`${SITE}${path}`);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe("the report");
    expect(answer.headers.get("payment-receipt")).not.toBeNull();
    expect(await sold()).toBe(price);
    const paid = it.log.at(-1)?.request.headers.get("authorization") ?? "";
    expect(paid).toMatch(/^Payment /);
    const credential = JSON.parse(Buffer.from(paid.slice(8), "base64url").toString());
    expect(credential.challenge).toMatchObject({ method: "lepta", intent });
    expect(await it.wallet.history()).toContainEqual(
      expect.objectContaining({ kind: "purchase", outcome: "done", sku: `GET ${path}` }),
    );
  });

  test("charges nothing where its handler fails, and the handler's answer comes through", async () => {
    it = await createWall(ROUTES);
    it.serve = () => new Response("no such report", { status: 404 });
    const answer = await it.wallet.fetch({ max: "EUR 0.50", fetch: it.fetch })(`${SITE}${path}`);
    expect([answer.status, await answer.text()]).toEqual([404, "no such report"]);
    expect(answer.headers.get("payment-receipt")).toBeNull();
    expect(await sold()).toBe(0n);
    expect((await (await it.wallet.budget("fetch")).spent()).reserved.value).toBe(0n);
  });

  test("brings the same answer to the same payment, and charges once", async () => {
    it = await createWall(ROUTES);
    let runs = 0;
    it.serve = () => {
      runs += 1;
      return new Response(`run ${runs}`);
    };
    await it.wallet.fetch({ max: "EUR 0.50", fetch: it.fetch })(`${SITE}${path}`);
    const authorization = it.log.at(-1)?.request.headers.get("authorization") ?? "";
    for (const _ of [1, 2]) {
      const again = await it.fetch(`${SITE}${path}`, { headers: { authorization } });
      expect([again.status, await again.text()]).toEqual([200, "run 1"]);
    }
    await it.restart();
    const later = await it.fetch(`${SITE}${path}`, { headers: { authorization } });
    expect([later.status, await later.text()]).toEqual([200, "run 1"]);
    expect(runs).toBe(1);
    expect(await sold()).toBe(price);
  });

  test("whose answer is lost on the way brings it when it is sent again, and is paid once", async () => {
    it = await createWall(ROUTES);
    let lost = 0;
    it.passage = async (request, pass) => {
      const answer = await pass();
      if (!request.headers.has("authorization") || lost >= 2) return answer;
      lost += 1;
      throw new TypeError("the connection broke");
    };
    const answer = await it.wallet.fetch({ max: "EUR 0.50", fetch: it.fetch })(`${SITE}${path}`);
    expect(await answer.text()).toBe("the report");
    expect(lost).toBe(2);
    expect(await sold()).toBe(price);
  });
});

test("a payment signed by itself has its proof from the receipt alone: nobody is asked over the WebSocket", async () => {
  it = await createWall(ROUTES);
  it.passage = async (request, pass) => {
    const answer = await pass();
    if (request.headers.has("authorization")) it.world.places.delete(SHOP);
    return answer;
  };
  const answer = await it.wallet.fetch({ max: "EUR 0.50", fetch: it.fetch })(`${SITE}/film`);
  expect([answer.status, await answer.text()]).toEqual([200, "the report"]);
  expect(await it.wallet.pending()).toEqual([]);
  expect(await it.wallet.history()).toContainEqual(
    expect.objectContaining({ kind: "purchase", outcome: "done", sku: "GET /film" }),
  );
});

test("what was paid for where a request was led is asked for there again, and not paid again", async () => {
  it = await createWall(ROUTES);
  let runs = 0;
  it.serve = () => {
    runs += 1;
    return new Response(`run ${runs}`);
  };
  let isCut = true;
  const led: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const { pathname, origin } = new URL(request.url);
    // As fetch follows a redirect to another origin: a credential stays behind.
    const headers = new Headers(request.headers);
    if (origin !== SITE) headers.delete("authorization");
    const answer = await it.fetch(`${SITE}${pathname}`, { headers });
    if (isCut && headers.has("authorization")) throw new TypeError("the connection broke");
    return origin === SITE
      ? answer
      : Object.defineProperties(answer, {
          redirected: { value: true },
          url: { value: `${SITE}${pathname}` },
        });
  };
  const pay = it.wallet.fetch({ max: "EUR 0.50", fetch: led });
  await expect(pay("https://old.example/report")).rejects.toThrow();
  isCut = false;
  expect(await (await pay("https://old.example/report")).text()).toBe("run 1");
  expect(runs).toBe(1);
  expect(await sold()).toBe(20_000n);
});
