/** A payment that is wrong, used, late, short or another's: 402 again with a code that says which, and no handler runs. */
import { limits, parseAmount } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Challenge, formatChallenge, parseChallenges } from "../../../peer-sdk/src/http/challenge.ts";
import { formatCredential } from "../../../peer-sdk/src/http/credential.ts";
import { readTerms, type Terms, writeTerms } from "../../../peer-sdk/src/http/terms.ts";
import { MINUTE } from "../support/world.ts";
import { createWall, SITE, type Wall } from "./support/wall.ts";

let it: Wall;
let runs: number;
beforeEach(async () => {
  it = await createWall({ "GET /report": "EUR 0.02", "GET /film": "EUR 0.20", "POST /ask": "EUR 0.01" });
  runs = 0;
  it.serve = () => {
    runs += 1;
    return new Response("the report");
  };
});
afterEach(() => it.close());

interface Said {
  readonly status: number;
  readonly type: string;
  readonly code: string | undefined;
  readonly challenges: readonly Challenge[];
  readonly cache: string | null;
}

/** What the paywall says of a request with this header. */
async function said(
  authorization: string | undefined,
  path = "/report",
  init: RequestInit = {},
): Promise<Said> {
  const headers = { ...(authorization === undefined ? {} : { authorization }) };
  const answer = await it.fetch(`${SITE}${path}`, { ...init, headers });
  const { type, code, challengeId } = await answer.json();
  const challenges = parseChallenges(answer.headers.get("www-authenticate") ?? "");
  if (answer.status === 402) expect(challenges.map(({ id }) => id)).toContain(challengeId);
  return {
    status: answer.status,
    type: String(type).replace(/.*\/problems\//, ""),
    code,
    challenges,
    cache: answer.headers.get("cache-control"),
  };
}

/** A payment that the wallet made for `path`, and the site never saw: its header. */
async function unseen(path: string, init: RequestInit = {}): Promise<string> {
  let header = "";
  it.passage = async (request, pass) => {
    const paid = request.headers.get("authorization");
    if (paid === null) return pass();
    header = paid;
    return new Response("no", { status: 503 });
  };
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  it.wallet.fetch({ max: "EUR 0.50", fetch: it.fetch })(`${SITE}${path}`, init).then(end, end);
  // On a lane the purchase waits for its request, which never comes.
  while (!isOver) {
    await new Promise(setImmediate);
    if (header !== "") it.pass(limits.meetWithin);
  }
  it.passage = undefined;
  return header;
}

interface Json {
  challenge: { -readonly [N in keyof Challenge]: Challenge[N] } & Record<string, string>;
  source?: string;
  payload: Record<string, string>;
}
const open = (header: string): Json => JSON.parse(Buffer.from(header.slice(8), "base64url").toString());
const altered = (header: string, change: (json: Json) => void): string => {
  const json = open(header);
  change(json);
  return formatCredential(json);
};

describe("a request", () => {
  test("without a payment is asked for one, and nothing of the answer may be stored", async () => {
    const answer = await said(undefined);
    expect(answer).toMatchObject({
      status: 402,
      type: "payment-required",
      code: undefined,
      cache: "no-store",
    });
    expect(answer.challenges.map(({ method, intent }) => `${method}/${intent}`)).toEqual([
      "lepta/session",
      "lepta/charge",
    ]);
    const terms = readTerms(answer.challenges[0]?.request ?? "") as Terms;
    expect(terms).toMatchObject({
      price: parseAmount("EUR 0.02"),
      recipient: it.wall.merchant.uid,
      resource: "GET /report",
      sku: "GET /report",
    });
  });

  test("is told first what its sender likes best, and only that", async () => {
    const answer = await it.fetch(`${SITE}/report`, {
      headers: { "accept-payment": "lepta/charge, tempo/*" },
    });
    expect(parseChallenges(answer.headers.get("www-authenticate") ?? "").map(({ intent }) => intent)).toEqual(
      ["charge"],
    );
  });

  test.each(["Payment", "Payment !!", "Payment e30", `Payment ${Buffer.from("[1]").toString("base64url")}`])(
    "with %s is told that it cannot be read",
    async (header) => {
      expect(await said(header)).toMatchObject({
        status: 402,
        type: "malformed-credential",
        code: "malformed",
      });
    },
  );

  test.each([null, 0.5, "\ud800"])("with %j in its payload is told that it cannot be read", async (value) => {
    const [challenge] = (await said(undefined)).challenges;
    const json = JSON.stringify({ challenge, payload: { proof: value } });
    const header = `Payment ${Buffer.from(json).toString("base64url")}`;
    expect(await said(header)).toMatchObject({
      status: 402,
      type: "malformed-credential",
      code: "malformed",
    });
    expect(runs).toBe(0);
  });

  test("with another scheme's credential is asked for a payment", async () => {
    expect(await said("Bearer abc")).toMatchObject({ status: 402, type: "payment-required" });
  });
});

describe.each(["/report", "/film"])("a payment for %s", (path) => {
  test("whose challenge was altered in any part is none of ours", async () => {
    const header = await unseen(path);
    const names = Object.keys(open(header).challenge).filter((name) => name !== "description");
    for (const name of names) {
      const changed = altered(header, ({ challenge }) => {
        challenge[name] = `${challenge[name]}x`;
      });
      expect(await said(changed, path), name).toMatchObject({
        status: 402,
        type: expect.stringMatching(/invalid-challenge|malformed-credential/),
      });
    }
    const cheaper = altered(header, ({ challenge }) => {
      const terms = readTerms(challenge.request) as Terms;
      challenge.request = writeTerms({ ...terms, price: parseAmount("EUR 0.000001") });
    });
    expect(await said(cheaper, path)).toMatchObject({ type: "invalid-challenge", code: "wrong-reference" });
    expect(runs).toBe(0);
  });

  test("is good for its own request alone", async () => {
    const header = await unseen(path);
    const other = path === "/report" ? "/film" : "/report";
    expect(await said(header, other)).toMatchObject({ type: "invalid-challenge", code: "wrong-reference" });
    expect(await said(header, `${path}?page=2`)).toMatchObject({ type: "invalid-challenge" });
    expect(runs).toBe(0);
  });

  test("is too late when its challenge has ended", async () => {
    const header = await unseen(path);
    it.world.runtime.advance(6 * MINUTE);
    expect(await said(header, path)).toMatchObject({ type: "invalid-challenge", code: "expired" });
    expect(runs).toBe(0);
  });

  test("whose answer was had already buys nothing under another payload", async () => {
    const pay = it.wallet.fetch({ max: "EUR 0.50", fetch: it.fetch });
    await pay(`${SITE}${path}`);
    const header = it.log.at(-1)?.request.headers.get("authorization") ?? "";
    const changed = altered(header, (json) => {
      json.payload =
        open(header).payload.proof === undefined
          ? { hello: "AA", request: "AA" }
          : { purchase: "AAAAAAAAAAAAAAAAAAAAAA", proof: json.payload.proof ?? "" };
    });
    expect(await said(changed, path)).toMatchObject({
      status: 402,
      type: "invalid-challenge",
      code: "conflict",
    });
    expect(runs).toBe(1);
  });

  test("that was refused, or spent on nothing, is not good later", async () => {
    const header = await unseen(path);
    await it.wallet.resume();
    const answer = await said(header, path);
    expect(answer.status).toBe(402);
    expect(answer.type).toMatch(/verification-failed|invalid-challenge/);
    expect(runs).toBe(0);
    expect((await it.wall.merchant.books("EUR")).sold).toBe(0n);
  });
});

describe("a payment in the credential", () => {
  test("of which a byte differs, or that is another merchant's, fails with a code", async () => {
    const header = await unseen("/film");
    for (const part of ["hello", "request"] as const) {
      const bytes = Buffer.from(open(header).payload[part] ?? "", "base64url");
      bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
      const changed = altered(header, ({ payload }) => {
        payload[part] = bytes.toString("base64url");
      });
      const answer = await said(changed, "/film");
      expect(answer).toMatchObject({ status: 402, type: "verification-failed" });
      expect(answer.code).toBeTypeOf("string");
    }
    expect(runs).toBe(0);
  });

  test("that has not the members of its intent is told so", async () => {
    const header = await unseen("/film");
    const changed = altered(header, (json) => {
      json.payload = { hello: "AA" };
    });
    expect(await said(changed, "/film")).toMatchObject({ type: "invalid-payload", code: "malformed" });
  });
});

describe("a payment on a lane", () => {
  test("is its holder's alone: without the proof, or with another's, it is none", async () => {
    const header = await unseen("/report");
    const wrong = altered(header, ({ payload }) => {
      payload.proof = Buffer.alloc(32, 7).toString("base64url");
    });
    expect(await said(wrong)).toMatchObject({ status: 402, type: "verification-failed", code: "bad-proof" });
    const nowhere = altered(header, ({ payload }) => {
      payload.purchase = Buffer.alloc(16, 9).toString("base64url");
    });
    expect(await said(nowhere)).toMatchObject({ type: "verification-failed", code: "wrong-reference" });
    expect(runs).toBe(0);
  });
});

describe("a body", () => {
  test("is bound: the payment for one is not good for another, nor for none", async () => {
    const header = await unseen("/ask", { method: "POST", body: "what is money?" });
    expect(open(header).challenge.digest).toMatch(/^sha-256=:/);
    for (const body of ["what is life?", undefined]) {
      const answer = await said(header, "/ask", { method: "POST", ...(body === undefined ? {} : { body }) });
      expect(answer).toMatchObject({ type: "invalid-challenge", code: "wrong-reference" });
    }
    expect(runs).toBe(0);
  });
});

test("challenges are read as they are written", async () => {
  const { challenges } = await said(undefined);
  expect(parseChallenges(challenges.map(formatChallenge).join(", "))).toEqual(challenges);
});
