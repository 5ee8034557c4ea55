import { readFileSync } from "node:fs";
import {
  encodeAs,
  errorCodec,
  frameCodec,
  type MessageType,
  messages,
  sessionItems,
  signedStatement,
} from "@lepta/protocol";
import { inspect } from "@lepta/protocol/inspect";
import { describe, expect, test } from "vitest";
import { itemWords } from "../../protocol/src/inspect/items.ts";
import { structures } from "../fuzz/support/structures.ts";
import { customer, merchant, network, now, root, stranger } from "../vectors/parties.ts";
import { exampleOf, fromHex, type Vector } from "../vectors/vector.ts";
import { allFields, everything, named } from "./inspections.ts";
import { credentialOf, laneRun, signedPurchase } from "./receipts.ts";

const vectorOf = ({ name }: MessageType): Vector =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8"));
const vectors = messages.map((type) => ({ name: type.name, vector: vectorOf(type) }));

describe.each(vectors)("an inspection of $name", ({ name, vector }) => {
  const at = { ...everything, recipient: vector.to };

  test("finds what it is and that all of it holds, with every key at hand", async () => {
    const inspection = await inspect(fromHex(vector.good.hex), at);
    expect(inspection.kind).toBe(vector.keys.recipient === null ? "signed message" : "sealed message");
    expect(inspection.title).not.toMatch(/unknown|no known/);
    expect({ bad: named(inspection, "bad"), unknown: named(inspection, "unknown") }).toEqual({
      bad: [],
      unknown: [],
    });
    expect(named(inspection, "good")).toEqual(
      expect.arrayContaining(["Network", "Recipient", "Time", "Signature"]),
    );
    const values = allFields(inspection.fields).map(({ value }) => value);
    expect(values).toContain(vector.good.digest);
    expect(values).toContain(new Date(now).toISOString());
    expect(JSON.parse(JSON.stringify(inspection))).toEqual(inspection);
  });

  test("finds none of it wrong, and says what it cannot know, with nothing at hand", async () => {
    const inspection = await inspect(fromHex(vector.good.hex));
    expect(named(inspection, "bad")).toEqual([]);
    expect(named(inspection, "unknown")).toContain(vector.keys.recipient === null ? "Time" : "Seal");
  });

  test.each([
    ["wrong recipient", "Recipient"],
    ["wrong signer", "Signature"],
    ["stale", "Time"],
    ["altered", "Signature"],
  ])("is red for the %s at the check that is about it", async (kind, row) => {
    const bad = vector.bad.find(({ description }) => description.startsWith(kind));
    const inspection = await inspect(fromHex(bad?.hex ?? ""), at);
    expect(named(inspection, "bad"), name).toContain(row);
  });

  test("is red where another network is trusted", async () => {
    const { signed } = await exampleOf(vector);
    expect(named(await inspect(signed, { ...at, network: stranger.uid }), "bad")).toContain("Network");
  });
});

test("no two types of message have one title", async () => {
  const titles = await Promise.all(
    vectors.map(async ({ vector }) => (await inspect(fromHex(vector.good.hex), everything)).title),
  );
  expect(new Set(titles).size).toBe(messages.length);
  expect(titles).toContain("Purchase request (figure 7, M1)");
});

test("a message of one of the figures says which", async () => {
  const vector = vectors.find(({ name }) => name === "brokerscrip-change")?.vector;
  const inspection = await inspect(fromHex(vector?.good.hex ?? ""), everything);
  expect(inspection.figure).toEqual({ number: 8, message: "M3" });
});

test("the broker's part that is not the one named is red", async () => {
  for (const name of [
    "vendorscrip-request",
    "authorization-request",
    "refund-request",
    "refund-authorization",
  ]) {
    const bad = vectors.find((each) => each.name === name)?.vector.bad.at(-1);
    expect(named(await inspect(fromHex(bad?.hex ?? ""), everything), "bad"), name).toContain("Broker's part");
  }
});

describe("a sealed message that cannot be opened", () => {
  test("is said to be sealed to a key, and nothing that is in it is told", async () => {
    const { vector } = vectors.find(({ name }) => name === "purchase-request") ?? { vector: undefined };
    const inspection = await inspect(fromHex(vector?.good.hex ?? ""), { network, now });
    expect(inspection.title).toBe("Purchase request (figure 7, M1), sealed");
    expect(inspection.fields.map(({ name, value }) => [name, value])).toEqual([
      ["Sealed to the key", vector?.keys.recipient?.kid],
      ["Says that it holds", "application/lepta.purchase-request+cbor"],
      ["Sealed content", expect.stringMatching(/^\d+ bytes, padded$/)],
    ]);
    expect(named(inspection, "unknown")).toEqual(["Seal"]);
  });
});

describe("a statement", () => {
  const keys = { ...everything, now };
  test("has a check for each of its signatures, and says which one is missing", async () => {
    const { signed } = await laneRun();
    const both = await inspect(encodeAs(signedStatement, signed), keys);
    expect(both.kind).toBe("statement");
    expect(both.checks.every(({ state }) => state === "good")).toBe(true);
    for (const [side, row] of [
      ["merchant", "Merchant's signature"],
      ["customer", "Customer's signature"],
    ] as const) {
      const { [side]: _, ...one } = signed;
      const inspection = await inspect(encodeAs(signedStatement, one), keys);
      expect(named(inspection, "bad")).toEqual([row]);
    }
  });

  test("whose signatures changed places is red at both, and without keys unknown at both", async () => {
    const { signed } = await laneRun();
    const changed = { ...signed, merchant: signed.customer, customer: signed.merchant };
    const rows = ["Merchant's signature", "Customer's signature"];
    expect(named(await inspect(encodeAs(signedStatement, changed as typeof signed), keys), "bad")).toEqual(
      rows,
    );
    expect(named(await inspect(encodeAs(signedStatement, signed), { network, now }), "unknown")).toEqual(
      rows,
    );
  });
});

describe("a credential", () => {
  test("holds under the root key, and is unknown without it", async () => {
    const credential = await credentialOf(customer);
    const held = await inspect(credential, { network, now, publicKeys: [root.signing.publicKey] });
    expect(held.kind).toBe("credential");
    expect(held.checks.every(({ state }) => state === "good")).toBe(true);
    expect(named(await inspect(credential, { network, now }), "unknown")).toContain("Chain to the root");
  });

  test("that has ended, that another root made or that is of a revoked key is red", async () => {
    const credential = await credentialOf(customer);
    const context = { network, now, publicKeys: [root.signing.publicKey] };
    const cases = [
      inspect(await credentialOf(customer, { notAfter: now }), context),
      inspect(credential, { ...context, now: now + 366 * 24 * 3_600_000 }),
      inspect(credential, { ...context, revoked: [(await inspectEnrolKey()) ?? ""] }),
    ];
    for (const each of await Promise.all(cases)) expect(named(each, "bad")).toContain("Chain to the root");
  });
});

async function inspectEnrolKey(): Promise<string | undefined> {
  const inspection = await inspect(await credentialOf(customer), { network, now });
  const enrolment = inspection.fields.find(({ name }) => name === "Enrolment");
  return enrolment?.fields?.find(({ name }) => name === "Signed under the key")?.value;
}

describe("what travels between peers", () => {
  const numbers = Object.keys(itemWords).map(Number);
  test.each(numbers)("is named where it is item %i of a session, and all in it is shown", async (number) => {
    const words = itemWords[number];
    const seed = structures.find(({ codec }) => codec === words?.codec)?.seeds[0];
    const inspection = await inspect(seed ?? expect.unreachable("no such item"));
    expect(inspection.title).toBe(words?.title);
    expect(["lane item", "session item"]).toContain(inspection.kind);
    expect(inspection.fields).toHaveLength(words?.names.length ?? 0);
    expect(named(inspection, "good")).toEqual(expect.arrayContaining(["Encoding", "Fields"]));
  });

  test("has words for every item that there is", () => {
    expect(numbers).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
  });

  test("is taken apart in a frame and in a message of a session", async () => {
    const { request, response } = (await laneRun()).receiptOf(3);
    const items = await inspect(encodeAs(sessionItems, [request, response]));
    expect(items.kind).toBe("batch");
    expect(items.fields.map(({ value }) => value)).toEqual([
      "Purchase request on a lane (figure 7, M1)",
      "Purchase response on a lane (figure 7, M2)",
    ]);
    const { request: m1 } = await signedPurchase();
    const error = encodeAs(errorCodec, { version: 1, type: "error", code: "busy" });
    const frame = await inspect(encodeAs(frameCodec, [7, [m1, error]]), everything);
    expect(frame.kind).toBe("frame");
    expect(frame.fields.map(({ value }) => value)).toEqual([
      "7",
      "Purchase request (figure 7, M1)",
      "Error message: busy",
    ]);
    expect(named(frame, "good")).toContain("Message 1: Signature");
  });

  test("of a session under its own seal is not guessed at", async () => {
    const wire = Uint8Array.of(1, ...new Uint8Array(40));
    expect(await inspect(wire)).toMatchObject({ kind: "sealed message", checks: [{ state: "unknown" }] });
  });
});

test("a scrip, a grant and a spend say what they are worth, and who alone can check them", async () => {
  const { request } = await signedPurchase();
  const whole = await inspect(request, everything);
  const spend = whole.fields.find(({ name }) => name === "Spend");
  expect(spend?.value).toBe("of VendorScrip of EUR 0.02");
  expect(allFields(spend?.fields ?? []).find(({ name }) => name === "Owner")?.value).toBe(customer.uid);
  expect(allFields(spend?.fields ?? []).find(({ name }) => name === "Issuer")?.value).toBe(merchant.uid);
});

test("the broker's list of keys holds under the network, and its certificates under its root key", async () => {
  const list = everything.brokerKeys ?? new Uint8Array(0);
  const inspection = await inspect(list, { network, now });
  expect(inspection.kind).toBe("key list");
  expect(inspection.checks.every(({ state }) => state === "good")).toBe(true);
  expect(named(await inspect(list, { network: stranger.uid, now }), "bad")).toContain("Root key");
});

test("a public key is named by its thumbprint", async () => {
  const inspection = await inspect(root.signing.publicKey);
  expect(inspection.title).toBe("Public key (P-256)");
  expect(inspection.fields[0]?.value).toBe(network);
});

test("a payload that nobody has signed is red", async () => {
  for (const { vector } of vectors)
    expect(named(await inspect(fromHex(vector.good.payloadHex)), "bad")).toEqual(["Signature"]);
});
