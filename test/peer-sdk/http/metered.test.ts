/** Metered routes: what is used is charged, in pieces, and an answer waits for funds where it would otherwise be cut off. */

import { limits } from "@lepta/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Payment } from "../../../peer-sdk/src/http/paywall-port.ts";
import { createWall, SITE, type Wall } from "./support/wall.ts";

let it: Wall;
const ROUTES = { "POST /ask": { unit: "token", price: "EUR 0.00001", max: "EUR 0.05" } };
beforeEach(async () => {
  it = await createWall(ROUTES);
});
afterEach(() => it.close());

const sold = async (): Promise<bigint> => (await it.wall.merchant.books("EUR")).sold;
const spent = async () => (await it.wallet.budget("fetch")).spent();
const ask = { method: "POST", body: "count" };

/** Streams so many words, each a token that is counted when it was made. */
const words =
  (count: number, done: (made: number) => void = () => {}) =>
  (_request: Request, payment: Payment | undefined): Response => {
    let made = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (made === count) {
          done(made);
          controller.close();
          return;
        }
        try {
          controller.enqueue(new TextEncoder().encode(`word ${made} `));
          made += 1;
          await payment?.use?.(1);
        } catch (error) {
          done(made);
          controller.error(error);
        }
      },
      cancel: () => done(made),
    });
    return new Response(body, { headers: { "content-type": "text/plain" } });
  };

test("an answer costs the units that it has used", async () => {
  it.serve = words(300);
  const answer = await it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch })(`${SITE}/ask`, ask);
  expect(answer.headers.get("payment-receipt")).not.toBeNull();
  expect((await answer.text()).split("word ").length - 1).toBe(300);
  await it.settled();
  expect(await sold()).toBe(3000n);
  expect((await spent()).last24h.value).toBe(3000n);
  expect((await spent()).reserved.value).toBe(0n);
});

test("one that uses more than one purchase pays for is paid for in several, and goes on between them", async () => {
  it.serve = words(4000);
  const answer = await it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch })(`${SITE}/ask`, ask);
  expect((await answer.text()).split("word ").length - 1).toBe(4000);
  await it.settled();
  expect(await sold()).toBe(40_000n);
  const bought = (await it.wallet.history()).filter(
    ({ kind, outcome }) => kind === "purchase" && outcome === "done",
  );
  expect(bought.map(({ amount }) => amount)).toContain("EUR 0.02499");
});

test("one that would cost more than its reader allows breaks off, and no more is paid", async () => {
  let made = 0;
  it.serve = words(4000, (count) => {
    made = count;
  });
  const answer = await it.wallet.fetch({ max: "EUR 0.001", fetch: it.fetch })(`${SITE}/ask`, ask);
  await expect(answer.text()).rejects.toMatchObject({ code: "over-max" });
  await it.settled();
  expect(await sold()).toBe(1000n);
  // One more was made and waited for its funds.
  expect(made).toBe(101);
});

test("one that reaches its route's maximum costs no more than that", async () => {
  let fault: unknown;
  it.serve = (_request, payment) => {
    const body = new ReadableStream<Uint8Array>({
      start: async (controller) => {
        try {
          for (;;) {
            await payment?.use?.(500);
            controller.enqueue(new Uint8Array(500));
          }
        } catch (error) {
          fault = error;
          controller.close();
        }
      },
    });
    return new Response(body);
  };
  const answer = await it.wallet.fetch({ max: "EUR 0.50", fetch: it.fetch })(`${SITE}/ask`, ask);
  expect((await answer.arrayBuffer()).byteLength).toBe(5000);
  expect(fault).toMatchObject({ code: "over-max" });
  await it.settled();
  expect(await sold()).toBe(50_000n);
});

test("one whose reader goes away costs what was used until then", async () => {
  it.serve = words(4000);
  const answer = await it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch })(`${SITE}/ask`, ask);
  const reader = answer.body?.getReader();
  for (let i = 0; i < 10; i += 1) await reader?.read();
  await reader?.cancel();
  await it.settled();
  const charged = await sold();
  expect(charged).toBeGreaterThanOrEqual(90n);
  expect(charged).toBeLessThan(1000n);
  expect((await spent()).reserved.value).toBe(0n);
});

test("one whose handler fails before it answers costs nothing", async () => {
  it.serve = () => new Response("no model", { status: 502 });
  const answer = await it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch })(`${SITE}/ask`, ask);
  expect([answer.status, await answer.text()]).toEqual([502, "no model"]);
  await it.settled();
  expect(await sold()).toBe(0n);
  expect((await spent()).reserved.value).toBe(0n);
});

test("the same payment brings a whole answer again, and is not charged again", async () => {
  it.serve = words(300);
  const pay = it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch });
  const text = await (await pay(`${SITE}/ask`, ask)).text();
  await it.settled();
  const authorization = it.log.at(-1)?.request.headers.get("authorization") ?? "";
  const again = await it.fetch(`${SITE}/ask`, { ...ask, headers: { authorization } });
  expect([again.status, await again.text()]).toEqual([200, text]);
  expect(await sold()).toBe(3000n);
});

test("an answer waits for more funds, and ends where none come", async () => {
  let fault: unknown;
  it.serve = async (_request, payment) => {
    await payment?.use?.(100);
    payment?.use?.(1).catch((error: unknown) => {
      fault = error;
    });
    return new Response("begun");
  };
  // A customer that pays one piece and no more.
  const answer = await it.wallet.fetch({ max: "EUR 0.001", fetch: it.fetch })(`${SITE}/ask`, ask);
  await answer.text().catch(() => undefined);
  await it.settled();
  it.pass(limits.fundsWithin);
  await it.settled();
  expect(fault).toMatchObject({ code: expect.stringMatching(/insufficient-funds|closed/) });
  expect(await sold()).toBe(1000n);
});

test("metered purchases are in receipts that hold: what was charged, of how much at most", async () => {
  it.serve = words(300);
  await (await it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch })(`${SITE}/ask`, ask)).text();
  await it.settled();
  const [bought] = (await it.wallet.history()).filter(({ kind }) => kind === "purchase");
  await it.wallet.close();
  expect(bought).toMatchObject({ amount: "EUR 0.003", sku: "POST /ask" });
});
