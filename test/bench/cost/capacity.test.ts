import { expect, test } from "vitest";
import { usageOf } from "../../../bench/src/cost/capacity.ts";
import { itemSize } from "../../../bench/src/cost/item-size.ts";

const KB = 1024;
const none = () => 0;

/** An item of exactly so many bytes. */
function itemOf(bytes: number, sk = "s") {
  const item = { pk: { S: "p" }, sk: { S: sk }, b: { B: new Uint8Array(0) } };
  return { ...item, b: { B: new Uint8Array(bytes - itemSize(item)) } };
}

const reading = (command: string, input: object, output: object) =>
  usageOf(command, input, output, none).readUnits;
const writing = (command: string, input: object, sizeOf: () => number = none) =>
  usageOf(command, input, {}, sizeOf).writeUnits;

test("a strongly consistent read costs a unit for 4 KB begun, any other half as much", () => {
  const consistent = { ConsistentRead: true };
  expect(reading("GetItemCommand", consistent, { Item: itemOf(3500) })).toBe(1);
  expect(reading("GetItemCommand", consistent, { Item: itemOf(8 * KB) })).toBe(2);
  expect(reading("GetItemCommand", consistent, { Item: itemOf(8 * KB + 1) })).toBe(3);
  expect(reading("GetItemCommand", {}, { Item: itemOf(8 * KB) })).toBe(1);
});

test("a read that finds nothing costs as the smallest", () => {
  expect(reading("GetItemCommand", { ConsistentRead: true }, {})).toBe(1);
  expect(reading("QueryCommand", { ConsistentRead: true }, { Items: [] })).toBe(1);
});

test("a query costs by what its items have together", () => {
  const Items = [1500, 6500].map((bytes) => itemOf(bytes));
  expect(reading("QueryCommand", { ConsistentRead: true }, { Items })).toBe(2);
});

test("a read in a DynamoDB transaction costs twice, each item by itself", () => {
  const input = { TransactItems: [{}, {}] };
  expect(reading("TransactGetItemsCommand", input, { Responses: [{ Item: itemOf(8 * KB) }, {}] })).toBe(
    4 + 2,
  );
});

test("a write costs a unit for 1 KB begun", () => {
  expect(writing("PutItemCommand", { Item: itemOf(512) })).toBe(1);
  expect(writing("PutItemCommand", { Item: itemOf(KB) })).toBe(1);
  expect(writing("PutItemCommand", { Item: itemOf(KB + 1) })).toBe(2);
});

test("what takes the place of a larger item costs as that one, and so does a deletion", () => {
  expect(writing("PutItemCommand", { Item: itemOf(512) }, () => 3 * KB)).toBe(3);
  expect(writing("DeleteItemCommand", { Key: itemOf(20) }, () => 3 * KB)).toBe(3);
  expect(writing("DeleteItemCommand", { Key: itemOf(20) })).toBe(1);
});

test("a write in a DynamoDB transaction costs twice", () => {
  const TransactItems = [{ Put: { Item: itemOf(2 * KB) } }, { Delete: { Key: itemOf(20, "other") } }];
  expect(writing("TransactWriteItemsCommand", { TransactItems })).toBe(4 + 2);
});

test("a write whose condition does not hold costs as if it did, and leaves nothing", () => {
  const sent = { Item: itemOf(2 * KB) };
  expect(usageOf("PutItemCommand", sent, undefined, none).writeUnits).toBe(2);
});

test("a write tells what it leaves in the table", () => {
  const TransactItems = [{ Put: { Item: itemOf(700) } }, { Delete: { Key: itemOf(20, "other") } }];
  const { left } = usageOf("TransactWriteItemsCommand", { TransactItems }, {}, none);
  expect([...left]).toEqual([
    ['["p","s"]', 700],
    ['["p","other"]', 0],
  ]);
});

test("a command without a rule is a fault, so that none goes uncounted", () => {
  expect(() => usageOf("BatchWriteItemCommand", {}, {}, none)).toThrow("BatchWriteItemCommand");
  expect(() => writing("TransactWriteItemsCommand", { TransactItems: [{ Update: {} }] })).toThrow("no rule");
});
