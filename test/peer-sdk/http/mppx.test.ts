/** mppx, an implementation of the `Payment` scheme that is not ours, pays a paywall: its client, with Lepta among its methods. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { memoryPeerStore, type OpenPaywall, paywall, type Runtime, Wallet } from "@lepta/peer-sdk";
import { mppxParts } from "@lepta/peer-sdk/mppx";
import { nodePaywall, type PaidRequest } from "@lepta/peer-sdk/node";
import { Challenge, Credential, Errors, Receipt } from "mppx";
import { Mppx } from "mppx/client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

const ROUTES = {
  "GET /report": "EUR 0.02",
  "GET /film": "EUR 0.20",
  "POST /ask": "EUR 0.01",
  "GET /broken": "EUR 0.20",
  "GET /tokens": { unit: "token", price: "EUR 0.001", max: "EUR 0.10" },
};

let dir: string;
let cloud: EmbeddedCloud;
let wall: OpenPaywall;
let wallet: Wallet;
let server: Server;
let site: string;
let ran: string[];
/** What is on its way to the site: each request's credential, and what becomes of it. */
let sent: (string | null)[];
let passage: (pass: () => Promise<Response>, credential: string | null) => Promise<Response>;
const network: typeof fetch = (input, init) => {
  const request = new Request(input, init);
  const credential = request.headers.get("authorization");
  sent.push(credential);
  return passage(() => fetch(request), credential);
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "lepta-mppx-"));
  cloud = await startEmbeddedCloud({ dir });
});
afterAll(async () => {
  await cloud.close();
  await rm(dir, { recursive: true });
});

beforeEach(async () => {
  const broker = cloud.pinnedUrl;
  ran = [];
  sent = [];
  passage = (pass) => pass();
  server = createServer();
  wall = await paywall({ broker, store: memoryPeerStore(), routes: ROUTES, server });
  server.on(
    "request",
    nodePaywall(wall, async (request: PaidRequest, response) => {
      const { method, url = "", payment } = request;
      ran.push(`${method} ${url}`);
      if (url === "/broken") return void response.writeHead(500).end("broken");
      if (url === "/tokens") {
        for (let i = 0; i < 60; i += 1) {
          await payment?.use?.(1);
          response.write("word ");
        }
        return void response.end();
      }
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      response.end(`the ${url.slice(1)}${Buffer.concat(chunks)}`);
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  wallet = await Wallet.open({ broker, store: memoryPeerStore() });
  await wallet.topUp("EUR 5.00");
});
afterEach(async () => {
  await wallet.close();
  await wall.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const client = (max = "EUR 0.50", runtime?: Pick<Runtime, "later">) =>
  Mppx.create({ ...mppxParts(wallet, { max, fetch: network }, runtime), polyfill: false });
const sold = async (): Promise<bigint> => (await wall.merchant.books("EUR")).sold;
const spent = async () => (await wallet.budget("fetch")).spent();

test("mppx reads our challenges, both, as we mean them", async () => {
  const answer = await fetch(`${site}/report`);
  const challenges = Challenge.fromResponseList(answer);
  expect(challenges.map(({ method, intent }) => [method, intent])).toEqual([
    ["lepta", "session"],
    ["lepta", "charge"],
  ]);
  for (const challenge of challenges) {
    expect(challenge.realm).toBe(site.replace("http://", ""));
    expect(challenge.request).toMatchObject({
      amount: "20000",
      currency: "EUR",
      recipient: wall.merchant.uid,
      methodDetails: { resource: "GET /report", sku: "GET /report", address: wall.address, decimals: 6 },
    });
    expect(Date.parse(challenge.expires ?? "")).toBeGreaterThan(Date.now());
    expect(challenge.description).toBe("GET /report: EUR 0.02");
  }
});

test("mppx knows our problems by their types", async () => {
  const unpaid = await (await fetch(`${site}/report`)).json();
  expect(unpaid).toMatchObject({ type: new Errors.PaymentRequiredError().type, status: 402 });
  const garbled = await fetch(`${site}/report`, { headers: { authorization: "Payment garbled" } });
  expect(await garbled.json()).toMatchObject({
    type: new Errors.MalformedCredentialError().type,
    status: 402,
  });
  const forged = Credential.serialize({
    challenge: { ...Challenge.fromResponse(await fetch(`${site}/report`)), id: "forged" },
    payload: { purchase: "x", proof: "y" },
  });
  const refused = await fetch(`${site}/report`, { headers: { authorization: forged } });
  expect(await refused.json()).toMatchObject({ type: new Errors.InvalidChallengeError().type, status: 402 });
  // Each brings fresh challenges.
  expect(Challenge.fromResponseList(refused)).toHaveLength(2);
});

describe.each([
  { path: "/report", intent: "session", price: 20_000n },
  { path: "/film", intent: "charge", price: 200_000n },
])("mppx pays $path by $intent", ({ path, intent, price }) => {
  test("and reads our receipt", async () => {
    const answer = await client().fetch(`${site}${path}`);
    expect([answer.status, await answer.text()]).toEqual([200, `the ${path.slice(1)}`]);
    const receipt = Receipt.fromResponse(answer);
    expect(receipt).toMatchObject({ method: "lepta", status: "success" });
    const [, credential] = sent;
    expect(Credential.deserialize(credential ?? "").challenge).toMatchObject({ method: "lepta", intent });
    expect(sent).toHaveLength(2);
    expect(await sold()).toBe(price);
    const bought = (await wallet.history()).find(({ kind }) => kind === "purchase");
    expect(bought).toMatchObject({ outcome: "done", sku: `GET ${path}`, txn: receipt.reference });
    expect(await spent()).toMatchObject({ reserved: { value: 0n }, last24h: { value: price } });
  });

  test("and where the answer is lost the wallet asks for it, and the next request is another purchase", async () => {
    let lost = 0;
    passage = async (pass, credential) => {
      const answer = await pass();
      if (credential === null || lost > 0) return answer;
      lost += 1;
      throw new TypeError("the connection broke");
    };
    const { fetch: pay } = client();
    const answer = await pay(`${site}${path}`);
    expect([lost, await answer.text()]).toEqual([1, `the ${path.slice(1)}`]);
    expect(ran).toHaveLength(1);
    expect(await sold()).toBe(price);
    await pay(`${site}${path}`);
    expect(ran).toHaveLength(2);
    expect(await sold()).toBe(2n * price);
  });

  test("and several at once are several purchases", async () => {
    const { fetch: pay } = client();
    const answers = await Promise.all([1, 2, 3].map(() => pay(`${site}${path}`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await sold()).toBe(3n * price);
  });

  test("never above the wallet's limit: nothing is paid, and the handler is not run", async () => {
    await expect(client("EUR 0.01").fetch(`${site}${path}`)).rejects.toMatchObject({ code: "over-max" });
    expect([ran, await sold()]).toEqual([[], 0n]);
    expect((await spent()).reserved.value).toBe(0n);
  });
});

test("mppx pays for a body that it is bound to", async () => {
  const answer = await client().fetch(`${site}/ask`, { method: "POST", body: ": why?" });
  expect(await answer.text()).toBe("the ask: why?");
  expect(Credential.deserialize(sent[1] ?? "").challenge.digest).toMatch(/^sha-256=:/);
  expect(await sold()).toBe(10_000n);
});

test("mppx pays nothing where the handler fails, and gets its answer", async () => {
  const answer = await client().fetch(`${site}/broken`);
  expect([answer.status, await answer.text()]).toEqual([500, "broken"]);
  expect(() => Receipt.fromResponse(answer)).toThrow();
  expect(await sold()).toBe(0n);
  expect((await spent()).reserved.value).toBe(0n);
});

test("mppx reads a metered answer, which the wallet pays for piece by piece", async () => {
  const answer = await client().fetch(`${site}/tokens`);
  expect((await answer.text()).split(" ")).toHaveLength(61);
  await wallet.close();
  expect(await sold()).toBe(60_000n);
});

test("a credential that mppx never sends is sent by the wallet, which must know what it has paid for", async () => {
  const late: (() => void)[] = [];
  const later: Runtime["later"] = (_, work) => {
    late.push(work);
    return () => undefined;
  };
  const { rawFetch, createCredential } = client("EUR 0.50", { later });
  const credential = await createCredential(await rawFetch(`${site}/film`));
  expect(ran).toEqual([]);
  const sentByItself = Promise.withResolvers<void>();
  passage = async (pass) => {
    const answer = await pass();
    sentByItself.resolve();
    return answer;
  };
  for (const work of late) work();
  await sentByItself.promise;
  // Whoever sends it after all gets the same answer.
  const answer = await rawFetch(`${site}/film`, { headers: { authorization: credential } });
  expect([answer.status, await answer.text()]).toEqual([200, "the film"]);
  expect([ran.length, await sold()]).toEqual([1, 200_000n]);
});

test("a challenge that did not come through its fetch gets no credential", async () => {
  const { createCredential } = client();
  await expect(createCredential(await fetch(`${site}/report`))).rejects.toMatchObject({
    code: "wrong-reference",
  });
  expect(await sold()).toBe(0n);
});

test("a host that the wallet may not pay gets no credential", async () => {
  const parts = mppxParts(wallet, { max: "EUR 0.50", hosts: ["news.example.org"], fetch: network });
  const { fetch: pay } = Mppx.create({ ...parts, polyfill: false });
  await expect(pay(`${site}/report`)).rejects.toMatchObject({ code: "wrong-reference" });
  expect([ran, await sold()]).toEqual([[], 0n]);
});
