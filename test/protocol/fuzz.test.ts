import { readFileSync } from "node:fs";
import {
  brokerKeysCodec,
  type Cbor,
  type Codec,
  contentCodec,
  credentialCodec,
  type Draft,
  decodeAs,
  decodeCbor,
  decodePayload,
  encodeAs,
  encodeCbor,
  encodePayload,
  errorCodec,
  frameCodec,
  isRefusal,
  laneBuy,
  laneClose,
  laneOpen,
  laneOpened,
  laneRefused,
  laneSold,
  type MessageType,
  messages,
  orThrow,
  ping,
  pong,
  purchaseSpendCodec,
  returnSpendCodec,
  scripBodyCodec,
  sessionClose,
  sessionHello,
  sessionItems,
  sessionMessage,
  signedStatement,
} from "@lepta/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { euro, fixed, network, now, root, txnOf } from "../vectors/parties.ts";
import { fromHex, hex } from "../vectors/vector.ts";

const RUNS = 2000;

const payloadOf = ({ name }: MessageType): Uint8Array => {
  const file = new URL(`../vectors/${name}.json`, import.meta.url);
  return fromHex(JSON.parse(readFileSync(file, "utf8")).good.payloadHex);
};

/** One way to damage bytes: places are taken modulo the length. */
type Damage =
  | { readonly kind: "flip"; readonly at: number; readonly bit: number }
  | { readonly kind: "set"; readonly at: number; readonly byte: number }
  | { readonly kind: "truncate"; readonly at: number }
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "cut"; readonly at: number; readonly length: number }
  | { readonly kind: "double"; readonly at: number; readonly length: number };

const at = fc.nat({ max: 0xffff });
const anyDamage: fc.Arbitrary<readonly Damage[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("flip"), at, bit: fc.nat({ max: 7 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("set"), at, byte: fc.nat({ max: 255 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("truncate"), at }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("insert"),
        at,
        bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("cut"), at, length: fc.integer({ min: 1, max: 40 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("double"), at, length: fc.integer({ min: 1, max: 40 }) }),
    },
  ),
  { minLength: 1, maxLength: 3 },
);

describe(`a damaged payload (${RUNS} for each type) is refused as malformed or says exactly what its bytes say:`, () => {
  test.each(messages)("$name", (type) => {
    const good = payloadOf(type);
    expect(hex(encodePayload(type, orThrow(decodePayload(type, good)) as Draft<MessageType>))).toBe(
      hex(good),
    );
    let accepted = 0;
    fc.assert(
      fc.property(anyDamage, (damages) => {
        const bytes = damages.reduce(damaged, good);
        const payload = decodePayload(type, bytes);
        if (isRefusal(payload)) return payload.code === "malformed";
        accepted += 1;
        return hex(encodePayload(type, payload as Draft<MessageType>)) === hex(bytes);
      }),
      { seed: 43, numRuns: RUNS },
    );
    // Identifiers, hashes and amounts may be any: without these the test would never reach a codec's far side.
    expect(accepted).toBeGreaterThan(RUNS / 20);
  });
});

const anyLeaf: fc.Arbitrary<Cbor> = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -2, max: 3 }),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(...[16, 32].map((length) => new Uint8Array(length))),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom<Cbor>([], new Map(), ["EUR", 1], ["EUR", 0], [["EUR", 1]]),
);

describe("a payload with one value in it exchanged for any other (500 for each type) likewise:", () => {
  test.each(messages)("$name", (type) => {
    const good = orThrow(decodeCbor(payloadOf(type)));
    fc.assert(
      fc.property(at, anyLeaf, (place, value) => {
        const bytes = encodeCbor(exchanged(good, place % countOf(good), value));
        const payload = decodePayload(type, bytes);
        if (isRefusal(payload)) return payload.code === "malformed";
        return hex(encodePayload(type, payload as Draft<MessageType>)) === hex(bytes);
      }),
      { seed: 44, numRuns: 500 },
    );
  });
});

const order = { sku: "a", description: "b", unitPrice: euro("0.01"), quantity: 2 };
const scrip = [fixed("body", 20), fixed("certificate")] as const;
const scripId = txnOf("scrip");

/** What is not a signed message but comes from outside too. */
const others: readonly { readonly name: string; readonly codec: Codec<unknown>; readonly value: unknown }[] =
  [
    [
      "the broker's list of keys",
      brokerKeysCodec,
      {
        version: 1,
        type: "broker-keys",
        rootKey: root.signing.publicKey,
        certificates: [fixed("certificate")],
        suite: "default",
        currency: "EUR",
        rail: "sandbox",
        unit: 10_000,
      },
    ],
    [
      "a credential",
      credentialCodec,
      { enrolment: fixed("a"), sealingKey: fixed("b"), certificate: fixed("c") },
    ],
    [
      "the content of a seal",
      contentCodec,
      {
        signed: fixed("signed"),
        secrets: [
          { scrip: scripId, secret: fixed("secret") },
          { scrip: scripId, spentBy: [network, scripId] },
        ],
        attachments: [fixed("attachment")],
      },
    ],
    ["a WebSocket message", frameCodec, [7, [fixed("one"), fixed("two")]]],
    ["an error", errorCodec, { version: 1, type: "error", txn: scripId, code: "busy" }],
    [
      "a scrip's body",
      scripBodyCodec,
      {
        version: 1,
        kind: "vendor",
        network,
        issuer: network,
        owner: network,
        id: scripId,
        value: euro("1.00"),
        expiresAt: now,
        parent: scripId,
      },
    ],
    [
      "what a purchase spends",
      purchaseSpendCodec,
      { scrip, order, salt: fixed("salt", 16), amount: euro("0.02"), metered: true },
    ],
    ["what a return spends", returnSpendCodec, { scrip, amount: euro("0.02") }],
    [
      "a session's hello",
      sessionHello,
      { credential: fixed("a"), signature: "statement", resumes: fixed("s", 16) },
    ],
    ["a lane's opening", laneOpen, [1, 0, scrip, fixed("pop")]],
    ["a lane's state", laneOpened, [2, 0, euro("1.00"), fixed("h")]],
    ["M1 on a lane", laneBuy, [3, 0, 1, euro("0.02"), 0, order, fixed("pop")]],
    ["M2 on a lane", laneSold, [4, 0, 1, euro("0.02"), euro("0.98"), fixed("goods"), "text/plain"]],
    ["a refused M1 on a lane", laneRefused, [5, 0, 1, "insufficient", euro("0.98")]],
    ["a message in a session", sessionMessage, [6, fixed("signed")]],
    ["a lane's end", laneClose, [7, 0]],
    ["a heartbeat", ping, [8, 1]],
    ["its echo", pong, [9, 1]],
    ["a session's end", sessionClose, [10, "closed"]],
    ["a transport message", sessionItems, [fixed("one"), fixed("two")]],
    ["a statement with both signatures", signedStatement, { merchant: fixed("m"), customer: fixed("c") }],
  ].map(([name, codec, value]) => ({ name: name as string, codec: codec as Codec<unknown>, value }));

describe(`what is not signed by itself, damaged (${RUNS} for each), likewise:`, () => {
  test.each(others)("$name", ({ codec, value }) => {
    const good = encodeAs(codec, value);
    expect(orThrow(decodeAs(codec, good))).toEqual(value);
    fc.assert(
      fc.property(anyDamage, (damages) => {
        const bytes = damages.reduce(damaged, good);
        const read = decodeAs(codec, bytes);
        return isRefusal(read) ? read.code === "malformed" : hex(encodeAs(codec, read)) === hex(bytes);
      }),
      { seed: 45, numRuns: RUNS },
    );
  });
});

function damaged(bytes: Uint8Array, damage: Damage): Uint8Array {
  const place = damage.at % (bytes.length + 1);
  const before = bytes.subarray(0, place);
  switch (damage.kind) {
    case "flip":
      return bytes.map((byte, i) => (i === place ? byte ^ (1 << damage.bit) : byte));
    case "set":
      return bytes.map((byte, i) => (i === place ? damage.byte : byte));
    case "truncate":
      return before;
    case "insert":
      return Uint8Array.from([...before, ...damage.bytes, ...bytes.subarray(place)]);
    case "cut":
      return Uint8Array.from([...before, ...bytes.subarray(place + damage.length)]);
    case "double":
      return Uint8Array.from([...bytes.subarray(0, place + damage.length), ...bytes.subarray(place)]);
  }
}

/** How many values there are in it, itself included. */
function countOf(value: Cbor): number {
  const parts: readonly Cbor[] =
    value instanceof Map ? [...value.values()] : Array.isArray(value) ? value : [];
  return parts.reduce((sum: number, part) => sum + countOf(part), 1);
}

/** The value with the one at this place, counted from the outside in, exchanged. */
function exchanged(value: Cbor, place: number, by: Cbor): Cbor {
  if (place === 0) return by;
  let next = place - 1;
  const step = (part: Cbor): Cbor => {
    const count = countOf(part);
    const here = next >= 0 && next < count ? exchanged(part, next, by) : part;
    next -= count;
    return here;
  };
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [key, step(part)]));
  return Array.isArray(value) ? value.map(step) : value;
}
