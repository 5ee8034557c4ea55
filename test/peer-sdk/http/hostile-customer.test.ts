/** A customer that means harm to a paywall: what it sends ends no process, and what it holds is bounded. */
import { Merchant, memoryPeerStore, type PeerStore } from "@lepta/peer-sdk";
import { LeptaError, lanePurchase, limits, toText } from "@lepta/protocol";
import { afterEach, expect, test } from "vitest";
import { parseChallenges } from "../../../peer-sdk/src/http/challenge.ts";
import { provePayload, writeSession } from "../../../peer-sdk/src/http/payload.ts";
import type { Payment } from "../../../peer-sdk/src/http/paywall-port.ts";
import type { Lane } from "../../../peer-sdk/src/merchant/lanes/lane.ts";
import { Answers } from "../../../peer-sdk/src/paywall/answers.ts";
import { createWall, SITE, type Wall } from "./support/wall.ts";

let it: Wall;
afterEach(() => it.close());

const json = (value: unknown): string => toText(new TextEncoder().encode(JSON.stringify(value)));

test.each([
  ["null", { hello: null }],
  ["a fraction", { hello: 0.5 }],
  ["half a surrogate pair", { hello: "\ud800" }],
  ["nesting without end", JSON.parse(`${'{"a":'.repeat(40)}1${"}".repeat(40)}`)],
])("a payload that holds %s is a customer's fault, and no fault of ours", async (_what, payload) => {
  it = await createWall({ "GET /report": "EUR 0.02", "GET /film": "EUR 0.20" });
  for (const path of ["/report", "/film"]) {
    const asked = await it.fetch(`${SITE}${path}`);
    for (const challenge of parseChallenges(asked.headers.get("www-authenticate") ?? "")) {
      const headers = { authorization: `Payment ${json({ challenge, payload })}` };
      const answer = await it.fetch(`${SITE}${path}`, { headers });
      expect([answer.status, (await answer.json()).code]).toEqual([402, "malformed"]);
    }
  }
});

const ROUTES = {
  "GET /report": "EUR 0.02",
  "POST /ask": { unit: "token", price: "EUR 0.00001", max: "EUR 0.05" },
};
const ask = { method: "POST", body: "count" };
const sold = async (): Promise<bigint> => (await it.wall.merchant.books("EUR")).sold;

/** The lane of the wallet, as its merchant holds it. */
function laneOf(): Lane {
  const [lane] = Merchant.shopOf(it.wall.merchant).lanes.all();
  if (lane === undefined) throw new LeptaError("internal", "no lane");
  return lane;
}

/** A payment for a new challenge by a purchase that is still to come, as the lane's customer can make it. */
async function promised(sequence: number): Promise<string> {
  const asked = await it.fetch(`${SITE}/report`, { headers: { "accept-payment": "lepta/session" } });
  const [challenge] = parseChallenges(asked.headers.get("www-authenticate") ?? "");
  const { origin, secret } = laneOf();
  const purchase = lanePurchase(origin, sequence);
  const proof = provePayload(secret, challenge?.id ?? "", purchase);
  return `Payment ${json({ challenge, payload: writeSession({ purchase, proof }) })}`;
}

/** An answer without end, of one token each time that it is read on. */
const endless = (_request: Request, payment: Payment | undefined): Response =>
  new Response(
    new ReadableStream({
      pull: async (controller) => {
        await payment?.use?.(1);
        controller.enqueue(new Uint8Array(1));
      },
    }),
  );

test("one customer's requests that wait for their purchases leave room for others", async () => {
  it = await createWall(ROUTES);
  await it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch })(`${SITE}/report`);
  const { sequence } = laneOf();
  const waiting: Promise<Response>[] = [];
  for (let i = 1; i <= limits.paidAtOnce; i += 1) {
    const headers = { authorization: await promised(sequence + i) };
    waiting.push(it.fetch(`${SITE}/report`, { headers }));
  }
  const other = await it.world.wallet();
  await other.topUp("EUR 1.00");
  const answer = await other.fetch({ max: "EUR 0.05", fetch: it.fetch })(`${SITE}/report`);
  expect(answer.status).toBe(200);
  it.pass(limits.meetWithin);
  const statuses = (await Promise.all(waiting)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 402).length).toBe(limits.paidByOne);
  expect(new Set(statuses)).toEqual(new Set([402, 503]));
  expect(await sold()).toBe(40_000n);
});

test("one purchase is named by one request at a time", async () => {
  it = await createWall(ROUTES);
  await it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch })(`${SITE}/report`);
  const next = laneOf().sequence + 1;
  const first = it.fetch(`${SITE}/report`, { headers: { authorization: await promised(next) } });
  const second = await it.fetch(`${SITE}/report`, { headers: { authorization: await promised(next) } });
  expect([second.status, (await second.json()).code]).toEqual([402, "conflict"]);
  it.pass(limits.meetWithin);
  expect((await first).status).toBe(402);
});

test("a request whose purchase stands behind a slow one on its lane is waited for", async () => {
  it = await createWall(ROUTES);
  const pay = it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch });
  await pay(`${SITE}/report`);
  const slow = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  it.serve = async ({ url }) => {
    if (!url.endsWith("?slow")) return new Response("quick");
    begun.resolve();
    await slow.promise;
    return new Response("slow");
  };
  const first = pay(`${SITE}/report?slow`);
  await begun.promise;
  const second = pay(`${SITE}/report?quick`);
  await it.settled();
  it.pass(limits.meetWithin);
  it.pass(limits.meetWithin);
  slow.resolve();
  const answers = await Promise.all([first, second]);
  expect(await Promise.all(answers.map((each) => each.text()))).toEqual(["slow", "quick"]);
  expect(await sold()).toBe(60_000n);
});

test("a metered answer that nobody reads on ends, and costs what was used", async () => {
  it = await createWall(ROUTES);
  it.serve = endless;
  const answer = await it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch })(`${SITE}/ask`, ask);
  await it.settled();
  expect(laneOf().isDelivering).toBe(true);
  it.pass(limits.readWithin);
  await it.settled();
  expect(laneOf().isDelivering).toBe(false);
  expect(await sold()).toBeGreaterThan(0n);
  expect(await sold()).toBeLessThan(1000n);
  await expect(answer.text()).rejects.toThrow();
});

test("a metered answer does not hold up the end of its lane, for which the broker may wait", async () => {
  it = await createWall(ROUTES);
  it.serve = endless;
  const answer = await it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch })(`${SITE}/ask`, ask);
  const reader = answer.body?.getReader();
  await reader?.read();
  const { endLane } = await import("../../../peer-sdk/src/merchant/lanes/state.ts");
  const shop = Merchant.shopOf(it.wall.merchant);
  const lane = laneOf();
  await expect(endLane(shop, lane)).rejects.toMatchObject({ code: "pending" });
  await it.settled();
  await endLane(shop, lane);
  expect(shop.lanes.all()).toEqual([]);
  expect(await sold()).toBeGreaterThan(0n);
});

test("a metered answer whose head cannot be kept is its handler's failure, costs nothing, and holds no place", async () => {
  it = await createWall(ROUTES);
  it.serve = () => new Response("long", { headers: { "x-long": "x".repeat(limits.answerHeaderLength + 1) } });
  const pay = it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch });
  await expect(pay(`${SITE}/ask`, ask)).rejects.toMatchObject({ code: "delivery-failed" });
  expect(await sold()).toBe(0n);
  it.serve = () => new Response("short");
  expect(await (await pay(`${SITE}/ask`, ask)).text()).toBe("short");
});

/** A store whose logs can no longer be written once it is told so. */
function breakingStore(): PeerStore & { break(): void } {
  const store = memoryPeerStore();
  let isBroken = false;
  return {
    ...store,
    break: () => {
      isBroken = true;
    },
    openLog: async (name) => {
      const { log, found } = await store.openLog(name);
      return {
        found,
        log: {
          append: (record) => log.append(record),
          sync: () => (isBroken ? Promise.reject(new Error("the disk is full")) : log.sync()),
          release: (position) => log.release(position),
        },
      };
    },
  };
}

test("a paid request whose sale could not be written down is told to come again, and none hangs", async () => {
  const store = breakingStore();
  it = await createWall(ROUTES, { wall: { store } });
  const pay = it.wallet.fetch({ max: "EUR 0.05", fetch: it.fetch });
  await pay(`${SITE}/report`);
  it.serve = () => {
    store.break();
    return new Response("made");
  };
  const told = Promise.withResolvers<number>();
  it.passage = async (request, pass) => {
    const answer = await pass();
    if (request.headers.has("authorization")) told.resolve(answer.status);
    return answer;
  };
  pay(`${SITE}/report`).catch(() => undefined);
  expect(await told.promise).toBe(503);
});

test("a body that is longer than a paywall reads is refused before it is read whole", async () => {
  it = await createWall(ROUTES);
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      sent += 65_536;
      controller.enqueue(new Uint8Array(65_536));
      if (sent >= 64 * limits.paidBodyBytes) controller.close();
    },
  });
  const request = new Request(`${SITE}/ask`, { method: "POST", body, duplex: "half" } as RequestInit);
  const answer = await it.wall.handle(request, () => new Response("never"));
  expect(answer.status).toBe(413);
  expect(sent).toBeLessThan(2 * limits.paidBodyBytes);
});

test.each(["/film?", "/report?"])(
  "an answer that was made for a purchase at %s is not had for another under its name",
  async (path) => {
    it = await createWall({ "GET /report": "EUR 0.02", "GET /film": "EUR 0.20" });
    const pay = it.wallet.fetch({ max: "EUR 0.20", fetch: it.fetch });
    const ids: string[] = [];
    for (const page of ["1", "2"]) {
      it.serve = () => new Response(`page ${page}`);
      await pay(`${SITE}${path}${page}`);
      const header = it.log.at(-1)?.request.headers.get("authorization") ?? "";
      ids.push(JSON.parse(Buffer.from(header.slice(8), "base64url").toString()).challenge.id);
    }
    const authorization = it.log.at(1)?.request.headers.get("authorization") ?? "";
    // As where the process died when the first was made and not sold, and its customer bought the second under the same name.
    const answers = await Answers.open(it.store, it.world.runtime);
    const [first, second] = await Promise.all(ids.map((id) => answers.find(id)));
    if (first === undefined || second === undefined) throw new LeptaError("internal", "nothing was kept");
    const asked = () => it.fetch(`${SITE}${path}1`, { headers: { authorization } });
    expect(await (await asked()).text()).toBe("page 1");
    await answers.keep(ids[0] ?? "", { ...first, purchase: second.purchase });
    answers.close();
    expect((await asked()).status).toBe(402);
  },
);
