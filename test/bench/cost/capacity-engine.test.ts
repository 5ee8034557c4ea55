import {
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactGetItemsCommand,
  TransactWriteItemsCommand,
} from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { itemName, usageOf } from "../../../bench/src/cost/capacity.ts";
import { type DynoxideTable, dynoxideTable, TABLE_NAME as TableName } from "../../support/dynoxide-table.ts";
import { testRuntime } from "../../support/runtime.ts";

let table: DynoxideTable;
const sizes = new Map<string, number>();

beforeAll(async () => {
  table = await dynoxideTable(testRuntime());
});
afterAll(() => table.close());

const keyOf = (sk: string) => ({ pk: { S: "p" }, sk: { S: sk } });
const itemOf = (sk: string, bytes: number) => ({ ...keyOf(sk), b: { B: new Uint8Array(bytes) } });

type Command =
  | PutItemCommand
  | DeleteItemCommand
  | TransactWriteItemsCommand
  | GetItemCommand
  | TransactGetItemsCommand
  | QueryCommand;

/** What the engine says that a request used, and what we say. */
async function bothOf(command: Command) {
  const output = (await table.client.send(command as PutItemCommand)) as {
    readonly ConsumedCapacity?: Capacity | readonly Capacity[];
  };
  const usage = usageOf(command.constructor.name, command.input, output, (name) => sizes.get(name) ?? 0);
  for (const [name, size] of usage.left) sizes.set(name, size);
  const consumed = [output.ConsumedCapacity ?? []].flat() as readonly Capacity[];
  const theirs = consumed.reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
  return { ours: usage.readUnits + usage.writeUnits, theirs };
}

interface Capacity {
  readonly CapacityUnits?: number;
}

test("an emulator that was checked against AWS counts the same units for every kind of request", async () => {
  const total = { TableName, ReturnConsumedCapacity: "TOTAL" } as const;
  const strong = { ...total, ConsistentRead: true };
  const both: Record<string, Awaited<ReturnType<typeof bothOf>>> = {
    put: await bothOf(new PutItemCommand({ ...total, Item: itemOf("a", 2500) })),
    "put over a larger one": await bothOf(new PutItemCommand({ ...total, Item: itemOf("a", 10) })),
    transactWrite: await bothOf(
      new TransactWriteItemsCommand({
        ReturnConsumedCapacity: "TOTAL",
        TransactItems: [
          { Put: { TableName, Item: itemOf("b", 5000) } },
          { Put: { TableName, Item: itemOf("c", 3) } },
        ],
      }),
    ),
    get: await bothOf(new GetItemCommand({ ...strong, Key: keyOf("b") })),
    "eventual get": await bothOf(new GetItemCommand({ ...total, Key: keyOf("b") })),
    "get of none": await bothOf(new GetItemCommand({ ...strong, Key: keyOf("none") })),
    transactGet: await bothOf(
      new TransactGetItemsCommand({
        ReturnConsumedCapacity: "TOTAL",
        TransactItems: ["b", "none"].map((sk) => ({ Get: { TableName, Key: keyOf(sk) } })),
      }),
    ),
    query: await bothOf(
      new QueryCommand({
        ...strong,
        KeyConditionExpression: "pk = :p",
        ExpressionAttributeValues: { ":p": { S: "p" } },
      }),
    ),
    delete: await bothOf(new DeleteItemCommand({ ...total, Key: keyOf("b") })),
  };
  expect(itemName(keyOf("a"))).toBe('["p","a"]');
  const ours = Object.fromEntries(Object.entries(both).map(([name, each]) => [name, each.ours]));
  const theirs = Object.fromEntries(Object.entries(both).map(([name, each]) => [name, each.theirs]));
  expect(ours).toEqual(theirs);
});
