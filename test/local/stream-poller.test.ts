/** The table's stream reaches the function whole and in order, however often its reader dies. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  UpdateTableCommand,
} from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import { type JournalRecord, standIn, tableDefinition } from "@lepta/lambdas";
import { readStreamEvent } from "@lepta/lambdas/journal/stream-event";
import { streamPoller } from "@lepta/local/stream-poller";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DynoxideTable, dynoxideTable, TABLE_NAME as TableName } from "../support/dynoxide-table.ts";
import { testRuntime } from "../support/runtime.ts";

let dir: string;
let table: DynoxideTable;
let dynamoDb: DynamoDBClient;
let streams: DynamoDBStreamsClient;
/** What the function took, batch after batch. */
let taken: JournalRecord[][];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "lepta-poller-"));
  table = await dynoxideTable(testRuntime());
  dynamoDb = table.client;
  streams = new DynamoDBStreamsClient(standIn(table.url));
  taken = [];
});
afterEach(async () => {
  streams.destroy();
  await table.close();
  await rm(dir, { recursive: true });
});

const file = (): string => join(dir, "position.json");
const openStream = () =>
  dynamoDb.send(
    new UpdateTableCommand({
      TableName,
      StreamSpecification: { StreamEnabled: true, StreamViewType: tableDefinition.stream },
    }),
  );
async function put(from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 1)
    await dynamoDb.send(
      new PutItemCommand({
        TableName,
        Item: {
          pk: { S: "a" },
          sk: { S: String(n) },
          n: { N: String(n) },
          b: { B: new Uint8Array([n, 255]) },
        },
      }),
    );
}

/** A poller as after a start; `fails` says at which of its batches the function throws. */
function poller(fails: (batch: number) => "before" | "after" | undefined = () => undefined) {
  let batches = 0;
  return streamPoller({
    dynamoDb,
    streams,
    table: TableName,
    file: file(),
    batch: 3,
    deliver: async (event) => {
      batches += 1;
      const failure = fails(batches);
      if (failure === "before") throw new Error("the function failed");
      taken.push([...(readStreamEvent(event)?.records ?? [])]);
      if (failure === "after") throw new Error("the function failed");
    },
  });
}
const names = () => taken.flat().map(({ key }) => key.sk);
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String(from + i));

describe("the stream's poller", () => {
  test("hands over images and removals as the function reads them, in batches", async () => {
    await openStream();
    await put(0, 4);
    await dynamoDb.send(new DeleteItemCommand({ TableName, Key: { pk: { S: "a" }, sk: { S: "0" } } }));
    await poller().drain();
    expect(taken.map(({ length }) => length)).toEqual([3, 2]);
    expect(taken[0]?.[1]).toMatchObject({
      key: { pk: "a", sk: "1" },
      image: { n: 1n, b: new Uint8Array([1, 255]) },
    });
    expect(taken[1]?.[1]).toMatchObject({ key: { pk: "a", sk: "0" }, image: undefined });
  });

  test("after a restart goes on behind what was taken", async () => {
    await openStream();
    await put(0, 7);
    await poller().drain();
    await put(7, 9);
    await poller().drain();
    expect(names()).toEqual(numbers(0, 9));
  });

  test("a batch that the function failed at comes again, and nothing behind it before", async () => {
    await openStream();
    await put(0, 8);
    await expect(poller((batch) => (batch === 2 ? "before" : undefined)).drain()).rejects.toThrow("failed");
    expect(names()).toEqual(numbers(0, 3));
    await poller().drain();
    expect(names()).toEqual(numbers(0, 8));
  });

  test("a batch that was taken by a process that then died comes twice", async () => {
    await openStream();
    await put(0, 5);
    await expect(poller((batch) => (batch === 1 ? "after" : undefined)).drain()).rejects.toThrow("failed");
    await poller().drain();
    expect(names()).toEqual([...numbers(0, 3), ...numbers(0, 5)]);
  });

  test("two drains at once hand nothing over twice", async () => {
    await openStream();
    await put(0, 7);
    const one = poller();
    await Promise.all([one.drain(), one.drain()]);
    expect(names()).toEqual(numbers(0, 7));
  });

  test("begins at the beginning where its position is lost or of another stream", async () => {
    await openStream();
    await put(0, 2);
    await poller().drain();
    await writeFile(file(), "{");
    await poller().drain();
    await writeFile(file(), '{"stream":"arn:of:another","shards":{"shardId-00000001-lepta-test":"2"}}');
    await poller().drain();
    expect(names()).toEqual([...numbers(0, 2), ...numbers(0, 2), ...numbers(0, 2)]);
  });

  test("a table without a stream is a fault: nothing of it would be journalled", async () => {
    await expect(poller().drain()).rejects.toThrow("has no stream");
  });
});
