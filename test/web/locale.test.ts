import { money, sumOf, wholeMoney } from "@lepta/web/locale";
import { expect, test } from "vitest";

test("an amount is written as its reader's country writes it, with every place that counts", () => {
  expect(money("EUR 0.02", "en-GB")).toBe("€0.02");
  expect(money("EUR 1234.5", "de-DE")).toMatch(/^1\.234,50\s€$/);
  expect(money("EUR 0.000001", "en-GB")).toBe("€0.000001");
  expect(money("JPY 5.00", "en-GB")).toBe("JP¥5");
});

test("no amount is rounded: not the largest either", () => {
  expect(money("EUR 9007199254.740991", "en-GB")).toBe("€9,007,199,254.740991");
  expect(sumOf(["EUR 9007199254.740991", "EUR 0.10", "EUR 0.20"])).toBe("EUR 9007199255.040991");
});

test("a sum leaves other currencies out, and of nothing there is none", () => {
  expect(sumOf(["EUR 0.10", "USD 7.00", "EUR 0.20"])).toBe("EUR 0.300000");
  expect(sumOf([])).toBeUndefined();
});

test("a whole amount goes without places, and no other", () => {
  expect(wholeMoney("EUR 5.00", "en-GB")).toBe("€5");
  expect(wholeMoney("EUR 2.50", "en-GB")).toBe("€2.50");
});
