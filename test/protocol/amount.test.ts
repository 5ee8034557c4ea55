import {
  type Amount,
  add,
  amountOf,
  formatAmount,
  isRefusal,
  limits,
  multiply,
  orThrow,
  parseAmount,
  sameAmount,
  subtract,
} from "@lepta/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const euro = (value: bigint): Amount => amountOf("EUR", value);
const anyAmount = fc.bigInt({ min: 0n, max: limits.amount }).map(euro);
const runs = { seed: 2004, numRuns: 2000 };

describe("amounts people type", () => {
  test.each([
    ["EUR 0.02", "EUR", 20_000n],
    ["EUR 0.000001", "EUR", 1n],
    ["EUR 1", "EUR", 1_000_000n],
    ["USD 12.345678", "USD", 12_345_678n],
    ["JPY 0", "JPY", 0n],
    ["EUR 0.0", "EUR", 0n],
    ["EUR 9007199254.740991", "EUR", 2n ** 53n - 1n],
  ])("%s is read", (text, currency, value) => {
    expect(parseAmount(text)).toEqual({ currency, value });
  });

  test.each([
    "",
    "EUR",
    "0.02",
    "0.02 EUR",
    "EUR0.02",
    "EUR  0.02",
    " EUR 0.02",
    "EUR 0.02 ",
    "EUR 0.02\n",
    "eur 0.02",
    "EURO 0.02",
    "ΕUR 0.02",
    "EUR -0.02",
    "EUR +0.02",
    "EUR .02",
    "EUR 1.",
    "EUR 00.02",
    "EUR 01",
    "EUR 1,02",
    "EUR 1 000",
    "EUR 1e3",
    "EUR 0x10",
    "EUR 0.0000001",
    "EUR ٠.٠٢",
    "EUR NaN",
    "EUR 9007199254.740992",
    "EUR 9999999999999999",
    "EUR 99999999999999999999",
  ])("%j is no amount", (text) => {
    expect(() => parseAmount(text)).toThrow(expect.objectContaining({ code: "bad-amount" }));
  });

  test.each([
    [0n, "EUR 0.00"],
    [1n, "EUR 0.000001"],
    [20_000n, "EUR 0.02"],
    [100_000n, "EUR 0.10"],
    [123_400n, "EUR 0.1234"],
    [1_000_000n, "EUR 1.00"],
    [1_000_000_000_000n, "EUR 1000000.00"],
    [2n ** 53n - 1n, "EUR 9007199254.740991"],
  ])("%s millionths are written %s", (value, text) => {
    expect(formatAmount(euro(value))).toBe(text);
  });

  test("what is written is read as the same amount", () => {
    fc.assert(
      fc.property(anyAmount, (amount) => {
        expect(parseAmount(formatAmount(amount))).toEqual(amount);
      }),
      runs,
    );
  });
});

describe("an amount", () => {
  test("is a whole number of millionths from 0 to 2^53−1 in a currency of three capitals", () => {
    expect(euro(0n)).toEqual({ currency: "EUR", value: 0n });
    expect(euro(limits.amount).value).toBe(9_007_199_254_740_991n);
    for (const value of [-1n, limits.amount + 1n])
      expect(() => euro(value)).toThrow(expect.objectContaining({ code: "bad-amount" }));
    for (const currency of ["", "EU", "eur", "EURO", "E R", "EUR\n"])
      expect(() => amountOf(currency, 1n)).toThrow(expect.objectContaining({ code: "bad-amount" }));
  });

  test("cannot be changed", () => {
    expect(Object.isFrozen(euro(1n))).toBe(true);
  });
});

describe("arithmetic", () => {
  test("meets only in one currency", () => {
    expect(add(euro(1n), amountOf("USD", 1n))).toMatchObject({ code: "wrong-currency" });
    expect(subtract(euro(1n), amountOf("USD", 1n))).toMatchObject({ code: "wrong-currency" });
    expect(sameAmount(euro(1n), amountOf("USD", 1n))).toBe(false);
    expect(sameAmount(euro(1n), euro(1n))).toBe(true);
    expect(sameAmount(euro(1n), euro(2n))).toBe(false);
  });

  test("stops at the largest amount", () => {
    expect(add(euro(limits.amount), euro(0n))).toEqual(euro(limits.amount));
    expect(add(euro(limits.amount), euro(1n))).toMatchObject({ code: "amount-overflow" });
    expect(multiply(euro(limits.amount), 1)).toEqual(euro(limits.amount));
    expect(multiply(euro(limits.amount), 2)).toMatchObject({ code: "amount-overflow" });
    expect(multiply(euro(2n ** 52n), 2)).toMatchObject({ code: "amount-overflow" });
    expect(multiply(euro(5n), 0)).toEqual(euro(0n));
  });

  test("stops at nothing", () => {
    expect(subtract(euro(2n), euro(2n))).toEqual(euro(0n));
    expect(subtract(euro(1n), euro(2n))).toMatchObject({ code: "insufficient" });
  });

  test("conserves: what is subtracted and added again is what there was", () => {
    fc.assert(
      fc.property(anyAmount, anyAmount, (a, b) => {
        const less = subtract(a, b);
        if (isRefusal(less)) expect(b.value > a.value).toBe(true);
        else expect(add(less, b)).toEqual(a);
      }),
      runs,
    );
  });

  test("multiplies as repeated addition does", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 40n }), fc.nat({ max: 50 }), (value, quantity) => {
        let sum = euro(0n);
        for (let i = 0; i < quantity; i += 1) sum = orThrow(add(sum, euro(value)));
        expect(multiply(euro(value), quantity)).toEqual(sum);
      }),
      { ...runs, numRuns: 300 },
    );
  });
});
