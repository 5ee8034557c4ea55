import {
  amountOf,
  formatAmount,
  LeptaError,
  type Or,
  parseAmount,
  refuse,
  treeHash,
  utf8,
} from "@lepta/protocol";
import { afterAll, describe, expect, test } from "vitest";
import { BrokerLink } from "../../peer-sdk/src/broker-link.ts";
import type { Customer } from "../../peer-sdk/src/customer/customer.ts";
import { meet, readMerchantAddress } from "../../peer-sdk/src/customer/meet.ts";
import { readCatalogue } from "../../peer-sdk/src/merchant/catalogue.ts";
import { standInSuite } from "../support/stand-in-suite.ts";
import { fixed, network } from "../vectors/parties.ts";
import { assault, type Decoder } from "./support/decoder.ts";
import { drawFor, runs } from "./support/random.ts";
import { stepsOf } from "./support/steps.ts";
import { Tallies } from "./support/tallies.ts";

const tallies = new Tallies();
afterAll(() => tallies.end());

/** What people type may be any bytes: as UTF-8 where they are, each byte a character where they are not. */
function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes);
  return bytes.includes(0xff) ? buffer.toString("latin1") : buffer.toString("utf8");
}

const unreachable = (): Promise<never> => Promise.reject(new LeptaError("unreachable"));

/** Ways that a broker's address is written. */
const brokers = [
  `https://pay.example.org#${network}`,
  `http://127.0.0.1:8787/path/#${network}`,
  "http://localhost:8787",
  "http://[::1]:80",
  `https://user:word@pay.example.org:8443/a?b=c#${network}`,
];
const merchants = [
  `wss://shop.example.org/lepta#${network}`,
  "ws://127.0.0.1:1234",
  "wss://xn--bcher-kva.example/",
];

/** A customer who gets as far as the door, which is closed, and no further. */
const passerBy = {
  party: { identity: { opening: {} } },
  connect: () => Promise.reject(new LeptaError("closed")),
} as unknown as Customer;

/** Getting this far is what a good address does; every other refusal stays one. */
const acceptedAt =
  (code: string, bytes: Uint8Array) =>
  (error: unknown): Uint8Array | Promise<never> =>
    error instanceof LeptaError && error.code === code ? bytes : Promise.reject(error);

const texts: readonly Decoder[] = [
  {
    name: "an amount",
    seeds: ["EUR 0.02", "USD 9007199254.740991", "JPY 12", "EUR 0.000001"].map(utf8),
    decode: (bytes) => parseAmount(textOf(bytes)),
    encode: () => undefined,
    codes: ["bad-amount"],
  },
  {
    name: "an amount that is written again",
    seeds: ["EUR 0.02", "USD 9007199254.740991", "JPY 12.00"].map(utf8),
    decode: (bytes): Or<Uint8Array> => {
      const amount = parseAmount(textOf(bytes));
      const again = parseAmount(formatAmount(amount));
      return again.value === amount.value && again.currency === amount.currency ? bytes : refuse("internal");
    },
    encode: () => undefined,
    codes: ["bad-amount"],
  },
  {
    name: "an item's price",
    seeds: ["EUR 0.02", "EUR 1.00"].map(utf8),
    decode: (bytes) => readCatalogue({ item: { price: textOf(bytes), deliver: () => "" } }),
    encode: () => undefined,
    codes: ["bad-amount"],
  },
  {
    name: "a broker's address with its pin",
    // A good address is called, and nobody answers.
    seeds: brokers.map(utf8),
    decode: (bytes) =>
      BrokerLink.open({
        address: textOf(bytes),
        known: undefined,
        remembered: undefined,
        remember: async () => {},
        suite: standInSuite(),
        transport: unreachable,
        runtime: { now: () => 0, random: fixedRandom, sleep: async () => {}, later: () => () => {} },
      }).then(() => refuse("internal"), acceptedAt("unreachable", bytes)),
    encode: () => undefined,
    codes: ["not-pinned"],
  },
  {
    name: "a merchant's address with its pin",
    seeds: merchants.map(utf8),
    decode: (bytes) =>
      Promise.resolve(textOf(bytes))
        .then((text) => meet(passerBy, readMerchantAddress(text)))
        .then(() => refuse("internal"), acceptedAt("closed", bytes)),
    encode: () => undefined,
    codes: ["unreachable", "wrong-recipient"],
  },
];

describe("a text that was damaged is refused by name or read:", () => {
  test.each(texts)("$name", async (each) => {
    await tallies.add(each.name, () => assault(each, []));
  });
});

test("an amount is read from its one notation only, and a number of any size is refused and not rounded", () => {
  for (const text of [
    "EUR 9007199254.740992",
    `EUR ${"9".repeat(400)}`,
    "EUR 1e3",
    "EUR ٣",
    "EUR 0,02",
    "EUR -1",
  ])
    expect(() => parseAmount(text), text).toThrow(LeptaError);
  expect(parseAmount("EUR 9007199254.740991")).toEqual(amountOf("EUR", 2n ** 53n - 1n));
});

test("a Merkle tree of any leaves takes work in proportion to their number, and any change changes it", () => {
  const draw = drawFor("tree");
  for (let i = 0; i < runs(100_000) / 50; i += 1) {
    const leaves = Array.from({ length: draw.below(draw.below(20) === 0 ? 1001 : 30) }, () =>
      draw.bytes(draw.below(33)),
    );
    let tree = new Uint8Array(0);
    const steps = stepsOf(() => {
      tree = treeHash(leaves) as Uint8Array<ArrayBuffer>;
    });
    // For each node: the call, the hash with each byte of its digest, and the turns that find the border.
    expect(steps).toBeLessThanOrEqual(leaves.length * 100 + 100);
    if (leaves.length === 0) continue;
    const changed = leaves.with(0, draw.bytes(34));
    if (Buffer.compare(treeHash(changed), tree) === 0) expect.unreachable("the same tree");
  }
});

const fixedRandom = (length: number): Uint8Array => fixed("random", length);
