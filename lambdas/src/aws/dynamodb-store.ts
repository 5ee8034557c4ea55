/** The store on DynamoDB: one table with a partition key `pk` and a sort key `sk`. */
import {
  type AttributeValue,
  BatchGetItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from "@aws-sdk/client-dynamodb";
import { limits } from "@lepta/protocol";
import type { Runtime } from "../ports/runtime.ts";
import {
  type Attribute,
  type Expectation,
  type Item,
  type Key,
  type Page,
  type Store,
  StoreBusy,
  type Write,
} from "../ports/store.ts";

type Marshalled = Record<string, AttributeValue>;

/** A store on this client and table. Conflicts and throttles are tried again; `StoreBusy` where they do not end. */
export function dynamoDbStore(client: DynamoDBClient, table: string, runtime: Runtime): Store {
  return {
    get: (keys) => getItems(client, table, runtime, keys),
    list: (pk, options = {}) => listItems(client, table, pk, options),
    commit: (writes) => commitWrites(client, table, runtime, writes),
  };
}

async function getItems(
  client: DynamoDBClient,
  table: string,
  runtime: Runtime,
  keys: readonly Key[],
): Promise<readonly (Item | undefined)[]> {
  const found = new Map<string, Item>();
  let wanted: Marshalled[] = [...new Map(keys.map((key) => [nameOf(key), keyOf(key)])).values()];
  for (let attempt = 0; wanted.length > 0; attempt += 1) {
    if (attempt === limits.storeAttempts) throw new StoreBusy();
    if (attempt > 0) await runtime.sleep(pause(attempt));
    const request = { [table]: { Keys: wanted, ConsistentRead: true } };
    const { Responses, UnprocessedKeys } = await client.send(
      new BatchGetItemCommand({ RequestItems: request }),
    );
    for (const raw of Responses?.[table] ?? []) {
      const { key, item } = unmarshal(raw);
      found.set(nameOf(key), item);
    }
    wanted = UnprocessedKeys?.[table]?.Keys ?? [];
  }
  return keys.map((key) => found.get(nameOf(key)));
}

async function listItems(
  client: DynamoDBClient,
  table: string,
  pk: string,
  {
    prefix,
    limit = 100,
    after,
  }: { readonly prefix?: string; readonly limit?: number; readonly after?: string },
): Promise<Page> {
  const { Items = [], LastEvaluatedKey } = await client.send(
    new QueryCommand({
      TableName: table,
      ConsistentRead: true,
      Limit: limit,
      KeyConditionExpression: prefix ? "pk = :pk AND begins_with(sk, :prefix)" : "pk = :pk",
      ExpressionAttributeValues: { ":pk": { S: pk }, ...(prefix ? { ":prefix": { S: prefix } } : {}) },
      ...(after === undefined ? {} : { ExclusiveStartKey: keyOf({ pk, sk: after }) }),
    }),
  );
  const next = LastEvaluatedKey?.sk?.S;
  const items = Items.map(unmarshal);
  return next === undefined ? { items } : { items, next };
}

async function commitWrites(
  client: DynamoDBClient,
  table: string,
  runtime: Runtime,
  writes: readonly Write[],
): Promise<"committed" | "moved"> {
  for (let attempt = 0; attempt < limits.storeAttempts; attempt += 1) {
    if (attempt > 0) await runtime.sleep(pause(attempt));
    try {
      await send(client, table, writes);
      return "committed";
    } catch (error) {
      const verdict = judge(error);
      if (verdict === "moved") return "moved";
      if (verdict === "fault") throw error;
    }
  }
  throw new StoreBusy();
}

/** One item costs half as many write units without a transaction. */
async function send(client: DynamoDBClient, table: string, writes: readonly Write[]): Promise<void> {
  const [only, ...more] = writes.map((write) => operation(table, write));
  if (only === undefined) throw new Error("a commit writes at least one item");
  if (more.length > 0) await client.send(new TransactWriteItemsCommand({ TransactItems: [only, ...more] }));
  else if (only.Put) await client.send(new PutItemCommand(only.Put));
  else if (only.Delete) await client.send(new DeleteItemCommand(only.Delete));
}

function operation(table: string, write: Write): TransactWriteItem {
  const condition = { TableName: table, ...conditionOf(write.expect) };
  return "put" in write
    ? { Put: { ...condition, Item: { ...keyOf(write.at), ...marshal(write.put) } } }
    : { Delete: { ...condition, Key: keyOf(write.at) } };
}

/** A conflict with another commit is never an answer: only a condition that does not hold is. */
function judge(error: unknown): "moved" | "again" | "fault" {
  if (!(error instanceof Error)) return "fault";
  if (error.name === "ConditionalCheckFailedException") return "moved";
  if (AGAIN.has(error.name)) return "again";
  if (error.name !== "TransactionCanceledException") return "fault";
  const reasons = (error as { CancellationReasons?: readonly { Code?: string }[] }).CancellationReasons ?? [];
  const codes = reasons.map(({ Code }) => Code ?? "None").filter((code) => code !== "None");
  if (codes.includes("ConditionalCheckFailed")) return "moved";
  return codes.length > 0 && codes.every((code) => AGAIN_CODES.has(code)) ? "again" : "fault";
}

const AGAIN = new Set([
  "TransactionConflictException",
  "TransactionInProgressException",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "ThrottlingException",
  "InternalServerError",
]);
const AGAIN_CODES = new Set(["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]);

function conditionOf(expect: Expectation) {
  if (expect === "any") return {};
  if (expect === "absent") return { ConditionExpression: "attribute_not_exists(pk)" };
  if (expect === "present") return { ConditionExpression: "attribute_exists(pk)" };
  const clauses = ["attribute_exists(pk)"];
  const names: Record<string, string> = {};
  const values: Marshalled = {};
  for (const [i, [name, value]] of Object.entries(expect).entries()) {
    names[`#n${i}`] = name;
    if (value === undefined) clauses.push(`attribute_not_exists(#n${i})`);
    else {
      clauses.push(`#n${i} = :v${i}`);
      values[`:v${i}`] = marshalOne(value);
    }
  }
  return {
    ConditionExpression: clauses.join(" AND "),
    ExpressionAttributeNames: names,
    ...(Object.keys(values).length > 0 ? { ExpressionAttributeValues: values } : {}),
  };
}

const keyOf = ({ pk, sk }: Key): Marshalled => ({ pk: { S: pk }, sk: { S: sk } });
const nameOf = ({ pk, sk }: Key): string => JSON.stringify([pk, sk]);

const marshal = (item: Item): Marshalled =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, marshalOne(value)]));

function marshalOne(value: Attribute): AttributeValue {
  if (typeof value === "string") return { S: value };
  return value instanceof Uint8Array ? { B: value } : { N: value.toString() };
}

/** An item as the SDK gives it, as the store gives it. */
export function unmarshal(raw: Marshalled): { readonly key: Key; readonly item: Item } {
  const item: Record<string, Attribute> = {};
  for (const [name, value] of Object.entries(raw)) {
    if (value.S !== undefined) item[name] = value.S;
    else if (value.N !== undefined) item[name] = BigInt(value.N);
    else if (value.B !== undefined) item[name] = value.B;
    else throw new Error(`an item of the table has an attribute of an unknown kind: ${name}`);
  }
  const { pk, sk, ...rest } = item;
  return { key: { pk: String(pk), sk: String(sk) }, item: rest };
}

const PAUSE_STEP = 10;
const PAUSE_MOST = 200;
const pause = (attempt: number): number => Math.min(PAUSE_STEP * 2 ** attempt, PAUSE_MOST);
