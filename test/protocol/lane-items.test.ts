/** Items 3 and 4 written and read by hand, against the general codec that they stand in for. */
import {
  type Amount,
  amountOf,
  concat,
  decodeAs,
  encodeAs,
  hasTail,
  isRefusal,
  laneBuy,
  laneSold,
  limits,
  type Order,
  orderTail,
  orThrow,
  readBuy,
  readSold,
  typeBytes,
  utf8,
  writeBuy,
  writeSold,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";

/** Numbers around every length of a head. */
const NUMBERS = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
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
  test("is written as the general codec writes it", () => {
    for (const [lane, sequence] of cases)
      for (const each of orders)
        expect(writeBuy(lane, sequence, orderTail(price, each))).toEqual(
          encodeAs(laneBuy, [3, lane, sequence, price, 0, each]),
        );
  });

  test("is recognised as the general codec reads it", () => {
    for (const [lane, sequence] of cases)
      for (const each of orders) {
        const tail = orderTail(price, each);
        const item = encodeAs(laneBuy, [3, lane, sequence, price, 0, each]);
        const heads = readBuy(item);
        expect(heads).toMatchObject({ lane, sequence });
        if (heads === undefined) throw new Error("not recognised");
        expect(item.subarray(heads.tail)).toEqual(tail);
        expect(hasTail(item, heads, tail)).toBe(true);
        expect(hasTail(item, heads, concat(tail, new Uint8Array(1)))).toBe(false);
        expect(hasTail(item, heads, tail.slice(0, -1))).toBe(false);
      }
  });

  test("with any bit of any byte altered is none, or another that the general codec takes for what it is", () => {
    const tail = orderTail(price, order("page", "One page of text"));
    const item = writeBuy(3, 300, tail);
    for (let at = 0; at < item.length; at += 1)
      for (let bit = 0; bit < 8; bit += 1) {
        const altered = item.slice();
        altered[at] = (altered[at] ?? 0) ^ (1 << bit);
        const heads = readBuy(altered);
        const general = decodeAs(laneBuy, altered);
        if (heads === undefined) expect(isRefusal(general)).toBe(true);
        else if (hasTail(altered, heads, tail))
          expect(orThrow(general).slice(0, 3)).toEqual([3, heads.lane, heads.sequence]);
        else if (!isRefusal(general)) expect(general.slice(0, 3)).toEqual([3, heads.lane, heads.sequence]);
      }
  });

  test("is no item cut short anywhere", () => {
    const tail = orderTail(price, order("page", ""));
    const item = writeBuy(3, 300, tail);
    for (let length = 0; length < item.length; length += 1) {
      const short = item.subarray(0, length);
      const heads = readBuy(short);
      expect(heads !== undefined && hasTail(short, heads, tail)).toBe(false);
      expect(isRefusal(decodeAs(laneBuy, short))).toBe(true);
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

  test("with more goods than the general codec takes is none", () => {
    const said = { lane: 1, sequence: 1, charged: 10, remaining: 90 };
    for (const [length, isOne] of [
      [limits.deliveryBytes, true],
      [limits.deliveryBytes + 1, false],
    ] as const) {
      const item = writeSold(1, 1, 10, 90, new Uint8Array(length), typeBytes(""));
      expect(isRefusal(decodeAs(laneSold, item))).toBe(!isOne);
      expect(readSold(item, said, typeBytes("")) !== undefined).toBe(isOne);
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
