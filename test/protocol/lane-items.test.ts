/** Items 3 and 4 written and read by hand, against the general codec that they stand in for. */
import {
  type Amount,
  amountOf,
  concat,
  decodeAs,
  encodeAs,
  hasTail,
  isProvenBuy,
  isPurchaseProven,
  isRefusal,
  laneBuy,
  laneSold,
  macUnder,
  type Order,
  orderTail,
  orThrow,
  POP_LENGTH,
  provePurchase,
  readBuy,
  readSold,
  sha256,
  typeBytes,
  utf8,
  writeBuy,
  writeSold,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";

/** Numbers around every length of a head. */
const NUMBERS = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
const secret = sha256(utf8("secret"));
const mac = macUnder(secret);
const origin = sha256(utf8("origin"));
const price: Amount = amountOf("EUR", 20_000n);
const order = (sku: string, description: string, quantity = 1): Order => ({
  sku,
  description,
  unitPrice: price,
  quantity,
});
const orders = [
  order("a", ""),
  order("page", "One page of text", 24),
  order("ü".repeat(64), "x".repeat(256), 1_000_000),
];
const cases = NUMBERS.flatMap((lane) => NUMBERS.map((sequence) => [lane, sequence] as const));

describe("item 3", () => {
  test("is written as the general codec writes it, with the pop that it asks for", () => {
    for (const [lane, sequence] of cases)
      for (const each of orders) {
        const item = writeBuy(origin, lane, sequence, orderTail(price, each), mac);
        const [, , , , , , pop] = orThrow(decodeAs(laneBuy, item));
        expect(encodeAs(laneBuy, [3, lane, sequence, price, 0, each, pop])).toEqual(item);
        expect(pop).toEqual(provePurchase(secret, origin, item.subarray(0, item.length - POP_LENGTH)));
      }
  });

  test("is recognised as the general codec reads it", () => {
    for (const [lane, sequence] of cases)
      for (const each of orders) {
        const tail = orderTail(price, each);
        const item = encodeAs(laneBuy, [3, lane, sequence, price, 0, each, secret]);
        const heads = readBuy(item);
        expect(heads).toMatchObject({ lane, sequence });
        if (heads === undefined) throw new Error("not recognised");
        expect(item.subarray(heads.tail, heads.pop)).toEqual(tail);
        expect(hasTail(item, heads, tail)).toBe(true);
        expect(hasTail(item, heads, concat(tail, new Uint8Array(1)))).toBe(false);
        expect(hasTail(item, heads, tail.slice(0, -1))).toBe(false);
      }
  });

  test("with any bit of any byte altered is another item, or its pop does not hold", () => {
    const tail = orderTail(price, order("page", "One page of text"));
    const item = writeBuy(origin, 3, 300, tail, mac);
    for (let at = 0; at < item.length; at += 1)
      for (let bit = 0; bit < 8; bit += 1) {
        const altered = item.slice();
        altered[at] = (altered[at] ?? 0) ^ (1 << bit);
        const heads = readBuy(altered);
        if (heads === undefined) {
          // What is not recognised is no item for the general codec either, or is left to it.
          expect(isRefusal(decodeAs(laneBuy, altered))).toBe(true);
          continue;
        }
        expect(isProvenBuy(altered, heads, origin, mac)).toBe(false);
        expect(isPurchaseProven(secret, origin, altered)).toBe(false);
      }
    const heads = readBuy(item);
    expect(heads && isProvenBuy(item, heads, origin, mac)).toBe(true);
  });

  test("is no item cut short anywhere", () => {
    const item = writeBuy(origin, 3, 300, orderTail(price, order("page", "")), mac);
    for (let length = 0; length < item.length; length += 1) {
      const heads = readBuy(item.subarray(0, length));
      if (heads !== undefined) expect(isProvenBuy(item.subarray(0, length), heads, origin, mac)).toBe(false);
    }
  });
});

describe("item 4", () => {
  const goods = [new Uint8Array(0), utf8("x".repeat(23)), utf8("x".repeat(256)), utf8("x".repeat(70_000))];
  const types = ["", "text/html", "x".repeat(127)];

  test("is written as the general codec writes it, and read as it reads it", () => {
    for (const [sequence, charged] of cases)
      for (const each of goods)
        for (const type of types) {
          const [lane, remaining] = [7, 980_000];
          const item = writeSold(lane, sequence, charged, remaining, each, typeBytes(type));
          expect(encodeAs(laneSold, [4, lane, sequence, charged, remaining, each, type])).toEqual(item);
          expect(readSold(item, { lane, sequence, charged, remaining }, typeBytes(type))).toEqual(each);
        }
  });

  test("that says anything else is none", () => {
    const said = { lane: 7, sequence: 300, charged: 20_000, remaining: 980_000 };
    const type = typeBytes("text/html");
    const item = writeSold(7, 300, 20_000, 980_000, utf8("the goods"), type);
    for (const name of ["lane", "sequence", "charged", "remaining"] as const)
      for (const other of NUMBERS)
        if (other !== said[name]) expect(readSold(item, { ...said, [name]: other }, type)).toBeUndefined();
    expect(readSold(item, said, typeBytes("text/plain"))).toBeUndefined();
    expect(readSold(concat(item, new Uint8Array(1)), said, type)).toBeUndefined();
    for (let length = 0; length < item.length; length += 1)
      expect(readSold(item.subarray(0, length), said, type)).toBeUndefined();
  });

  test("with any bit altered is none, or another that the general codec takes for what it is", () => {
    const said = { lane: 7, sequence: 300, charged: 20_000, remaining: 980_000 };
    const item = writeSold(7, 300, 20_000, 980_000, utf8("the goods"), typeBytes("t"));
    for (let at = 0; at < item.length; at += 1)
      for (let bit = 0; bit < 8; bit += 1) {
        const altered = item.slice();
        altered[at] = (altered[at] ?? 0) ^ (1 << bit);
        const read = readSold(altered, said, typeBytes("t"));
        if (read === undefined) continue;
        const general = orThrow(decodeAs(laneSold, altered));
        expect(general.slice(0, 5)).toEqual([4, 7, 300, 20_000, 980_000]);
        expect(general[5]).toEqual(read);
      }
  });
});
