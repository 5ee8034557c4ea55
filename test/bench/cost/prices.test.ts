import { expect, test } from "vitest";
import { parsePriceFile, readPriceFile } from "../../../bench/src/cost/prices.ts";

test("the price file is whole, dated, and says which prices to look up again", () => {
  const { date, region, prices, unchecked } = readPriceFile();
  expect(date).toMatch(/^\d{4}-\d{2}-\d{2}$/);
  expect(region).toBe("us-east-1");
  expect(prices.dynamoDbMillionWriteUnits).toBe(0.625);
  expect(unchecked).toContain("cloudWatchLogGb");
  expect(unchecked).not.toContain("lambdaGbSecond");
});

test("a price file in which a price is missing or is none is refused by its name", () => {
  const file = (prices: object) => JSON.stringify({ date: "2026-11-21", region: "us-east-1", prices });
  expect(() => parsePriceFile(file({}))).toThrow("httpApiMillionRequests");
  expect(() => parsePriceFile(file({ httpApiMillionRequests: { dollars: -1 } }))).toThrow(
    "httpApiMillionRequests",
  );
  expect(() => parsePriceFile(JSON.stringify({ prices: {} }))).toThrow("no date");
});
