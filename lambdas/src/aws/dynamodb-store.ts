/** The store on DynamoDB: one table with a partition key `pk` and a sort key `sk`. */
import {
  type AttributeValue,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactGetItemsCommand,
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
  UnreadableItem,
  type Write,
} from "../ports/store.ts";

export type Marshalled = Record<string, AttributeValue>;

/** A store on this client and table. Conflicts and throttles are tried again; `StoreBusy` where they do not end. */
export function dynamoDbStore(client: DynamoDBClient, table: string, runtime: Runtime): Store {
  return {
    get: (keys) => getItems(client, table, runtime, keys),
    list: (pk, options = {}) => listItems(client, table, runtime, pk, options),
    commit: (writes) => commitWrites(client, table, runtime, writes),
  };
}

async function getItems(
  client: DynamoDBClient,
  table: string,
  runtime: Runtime,
  keys: readonly Key[],
): Promise<readonly (Item | undefined)[]> {
  const [only, ...more] = [...new Map(keys.map((key) => [nameOf(key), key])).values()];
  if (only === undefined) return [];
  const raw = await persist(runtime, async () => {
    if (more.length > 0) return getTogether(client, table, [only, ...more]);
    const { Item } = await client.send(
      new GetItemCommand({ TableName: table, Key: keyOf(only), ConsistentRead: true }),
    );
    return [Item];
  });
  const found = new Map(
    raw
      .filter((item) => item !== undefined)
      .map(unmarshal)
      .map(({ key, item }) => [nameOf(key), item]),
  );
  return keys.map((key) => found.get(nameOf(key)));
}

/** Several items of one moment: read one after the other, a commit in between would show half of itself. */
async function getTogether(
  client: DynamoDBClient,
  table: string,
  keys: readonly Key[],
): Promise<readonly (Marshalled | undefined)[]> {
  const TransactItems = keys.map((key) => ({ Get: { TableName: table, Key: keyOf(key) } }));
  const { Responses = [] } = await client.send(new TransactGetItemsCommand({ TransactItems }));
  return Responses.map(({ Item }) => Item);
}

async function listItems(
  client: DynamoDBClient,
  table: string,
  runtime: Runtime,
  pk: string,
  {
    prefix,
    limit = 100,
    after,
  }: { readonly prefix?: string; readonly limit?: number; readonly after?: string },
): Promise<Page> {
  const query = new QueryCommand({
    TableName: table,
    ConsistentRead: true,
    Limit: limit,
    KeyConditionExpression: prefix ? "pk = :pk AND begins_with(sk, :prefix)" : "pk = :pk",
    ExpressionAttributeValues: { ":pk": { S: pk }, ...(prefix ? { ":prefix": { S: prefix } } : {}) },
    ...(after === undefined ? {} : { ExclusiveStartKey: keyOf({ pk, sk: after }) }),
  });
  const { Items = [], LastEvaluatedKey } = await persist(runtime, () => client.send(query));
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
  return persist(runtime, async () => {
    try {
      await send(client, table, writes);
      return "committed";
    } catch (error) {
      if (judge(error) === "moved") return "moved";
      throw error;
    }
  });
}

/** Does it again after a conflict or a throttle, which are never an answer. */
export async function persist<T>(runtime: Runtime, work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; attempt < limits.storeAttempts; attempt += 1) {
    if (attempt > 0) await runtime.sleep(pause(attempt));
    try {
      return await work();
    } catch (error) {
      if (judge(error) !== "again") throw error;
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
  if (AGAIN.has(error.name) || isLost(error)) return "again";
  if (error.name !== "TransactionCanceledException") return "fault";
  const reasons = (error as { CancellationReasons?: readonly { Code?: string }[] }).CancellationReasons ?? [];
  const codes = reasons.map(({ Code }) => Code ?? "None").filter((code) => code !== "None");
  if (codes.includes("ConditionalCheckFailed")) return "moved";
  return codes.length > 0 && codes.every((code) => AGAIN_CODES.has(code)) ? "again" : "fault";
}

/** No answer came: whether the commit happened is not known, and the same one under its token finds out. */
const isLost = (error: Error & { readonly code?: unknown }): boolean =>
  error.name === "TimeoutError" || LOST_CODES.has(String(error.code ?? ""));

const LOST_CODES = new Set(["ECONNRESET", "ECONNREFUSED", "EPIPE", "ETIMEDOUT", "EAI_AGAIN"]);

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

export const keyOf = ({ pk, sk }: Key): Marshalled => ({ pk: { S: pk }, sk: { S: sk } });
const nameOf = ({ pk, sk }: Key): string => JSON.stringify([pk, sk]);

const marshal = (item: Item): Marshalled =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, marshalOne(value)]));

function marshalOne(value: Attribute): AttributeValue {
  if (typeof value === "string") return { S: value };
  return value instanceof Uint8Array ? { B: value } : { N: value.toString() };
}

/** An item as the SDK gives it, as the store gives it. Throws `UnreadableItem` where an attribute is none of ours. */
export function unmarshal(raw: Marshalled): { readonly key: Key; readonly item: Item } {
  const item: Record<string, Attribute> = {};
  for (const [name, value] of Object.entries(raw)) {
    if (value.S !== undefined) item[name] = value.S;
    else if (value.N !== undefined && /^-?\d+$/.test(value.N)) item[name] = BigInt(value.N);
    else if (value.B !== undefined) item[name] = value.B;
    else throw new UnreadableItem(name);
  }
  const { pk, sk, ...rest } = item;
  return { key: { pk: String(pk), sk: String(sk) }, item: rest };
}

const PAUSE_STEP = 10;
const PAUSE_MOST = 200;
const pause = (attempt: number): number => Math.min(PAUSE_STEP * 2 ** attempt, PAUSE_MOST);
