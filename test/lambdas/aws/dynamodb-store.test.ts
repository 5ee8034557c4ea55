import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  DynamoDBServiceException,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactGetItemsCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from "@aws-sdk/client-dynamodb";
import { dynamoDbStore } from "@lepta/lambdas/aws/dynamodb-store";
import { keys, purseItem } from "@lepta/lambdas/broker/items";
import { StoreBusy } from "@lepta/lambdas/ports/store";
import { isRefusal, limits } from "@lepta/protocol";
import { mockClient } from "aws-sdk-client-mock";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { testRuntime } from "../../support/runtime.ts";
import { authorisationCase } from "../broker/cases.ts";

const dynamoDb = mockClient(DynamoDBClient);
const client = new DynamoDBClient({ region: "us-east-1" });
const runtime = testRuntime();
const store = dynamoDbStore(client, "money", runtime);

beforeEach(() => {
  dynamoDb.reset();
});

afterAll(() => {
  dynamoDb.restore();
  client.destroy();
});

const at = { pk: "PEER#p", sk: "BROKERSCRIP" };
const key = { pk: { S: "PEER#p" }, sk: { S: "BROKERSCRIP" } };
const fault = (name: string) =>
  new DynamoDBServiceException({ name, $fault: "client", $metadata: {}, message: name });
const cancelled = (...codes: readonly (string | undefined)[]) =>
  new TransactionCanceledException({
    $metadata: {},
    message: "cancelled",
    CancellationReasons: codes.map((Code) => (Code === undefined ? {} : { Code })),
  });
const failed = () => new ConditionalCheckFailedException({ $metadata: {}, message: "no" });
const single = [{ put: { n: 1 }, at, expect: "any" }] as const;
const double = [...single, { put: { n: 2 }, at: { pk: "x", sk: "y" }, expect: "any" }] as const;

describe("what the DynamoDB store sends", () => {
  test("a single write is no DynamoDB transaction", async () => {
    dynamoDb.on(PutItemCommand).resolves({});
    dynamoDb.on(DeleteItemCommand).resolves({});
    await store.commit(single);
    await store.commit([{ remove: true, at, expect: "present" }]);
    expect(dynamoDb.commandCalls(PutItemCommand)[0]?.args[0].input).toEqual({
      TableName: "money",
      Item: { ...key, n: { N: "1" } },
    });
    expect(dynamoDb.commandCalls(DeleteItemCommand)[0]?.args[0].input).toEqual({
      TableName: "money",
      Key: key,
      ConditionExpression: "attribute_exists(pk)",
    });
    expect(dynamoDb.commandCalls(TransactWriteItemsCommand)).toHaveLength(0);
  });

  test.each([
    ["any", "any" as const, {}],
    ["absent", "absent" as const, { ConditionExpression: "attribute_not_exists(pk)" }],
    ["present", "present" as const, { ConditionExpression: "attribute_exists(pk)" }],
    [
      "a text, money, bytes and an attribute that must be absent",
      { state: "open", value: 2n ** 53n - 1n, head: Uint8Array.of(1, 2), scrip: undefined },
      {
        ConditionExpression:
          "attribute_exists(pk) AND #n0 = :v0 AND #n1 = :v1 AND #n2 = :v2 AND attribute_not_exists(#n3)",
        ExpressionAttributeNames: { "#n0": "state", "#n1": "value", "#n2": "head", "#n3": "scrip" },
        ExpressionAttributeValues: {
          ":v0": { S: "open" },
          ":v1": { N: "9007199254740991" },
          ":v2": { B: Uint8Array.of(1, 2) },
        },
      },
    ],
    [
      "only an attribute that must be absent",
      { scrip: undefined },
      {
        ConditionExpression: "attribute_exists(pk) AND attribute_not_exists(#n0)",
        ExpressionAttributeNames: { "#n0": "scrip" },
      },
    ],
  ])("the condition of a write that expects %s", async (_, expected, condition) => {
    dynamoDb.on(PutItemCommand).resolves({});
    await store.commit([{ put: {}, at, expect: expected }]);
    expect(dynamoDb.commandCalls(PutItemCommand)[0]?.args[0].input).toEqual({
      TableName: "money",
      Item: key,
      ...condition,
    });
  });

  test("figure 8 is one DynamoDB transaction: purse, transaction, tombstone and credit, each on its condition, and when it is due", async () => {
    const { decision, state, customer, merchant, txn } = await authorisationCase();
    if (isRefusal(decision)) throw new Error(decision.code);
    dynamoDb.on(TransactWriteItemsCommand).resolves({});
    expect(await store.commit(decision.writes)).toBe("committed");

    const calls = dynamoDb.commandCalls(TransactWriteItemsCommand);
    expect(calls).toHaveLength(1);
    const puts = (calls[0]?.args[0].input.TransactItems ?? []).map(({ Put }) => Put);
    const scrip = state.purse?.scrip ?? "";
    const heldUntil = decision.outcome.step === "decided" ? decision.outcome.credit.heldUntil : undefined;
    const due = keys.due(merchant, heldUntil ?? Number.NaN, customer, txn);
    expect(puts.map((put) => [put?.Item?.pk?.S, put?.Item?.sk?.S])).toEqual([
      [`PEER#${customer}`, "BROKERSCRIP"],
      [`PEER#${customer}`, `TXN#${txn}`],
      [`PEER#${customer}`, `SPENT#${scrip}`],
      [due.pk, due.sk],
      [`MERCHANT#${merchant}`, `CREDIT#${customer}#${txn}`],
    ]);
    const [purse, transaction, tombstone, order, credit] = puts;
    // What finds the credit when it is free is in nobody's way.
    expect(order?.ConditionExpression).toBeUndefined();
    expect(order?.Item).toMatchObject({ customer: { S: customer }, txn: { S: txn } });
    expect(purse).toMatchObject({
      TableName: "money",
      ConditionExpression: "attribute_exists(pk) AND #n0 = :v0 AND #n1 = :v1 AND #n2 = :v2",
      ExpressionAttributeNames: { "#n0": "sequence", "#n1": "head", "#n2": "scrip" },
      ExpressionAttributeValues: {
        ":v0": { N: String(state.purse?.sequence) },
        ":v1": { B: state.purse?.head },
        ":v2": { S: scrip },
      },
    });
    for (const put of [transaction, tombstone, credit])
      expect(put?.ConditionExpression).toBe("attribute_not_exists(pk)");
    expect(tombstone?.Item).toMatchObject({ initiator: { S: customer }, txn: { S: txn } });
    expect(credit?.Item).toMatchObject({ state: { S: "held" } });
  });

  test("several items are read as of one moment, each named once", async () => {
    dynamoDb.on(TransactGetItemsCommand).resolves({ Responses: [{ Item: { ...key, n: { N: "7" } } }, {}] });
    const found = await store.get([at, keys.credential("p"), at]);
    expect(found).toEqual([{ n: 7n }, undefined, { n: 7n }]);
    const other = { pk: { S: "PEER#p" }, sk: { S: "CREDENTIAL" } };
    expect(dynamoDb.commandCalls(TransactGetItemsCommand)[0]?.args[0].input).toEqual({
      TransactItems: [key, other].map((each) => ({ Get: { TableName: "money", Key: each } })),
    });
  });

  test("one item is read strongly consistent", async () => {
    dynamoDb.on(GetItemCommand).resolves({ Item: { ...key, n: { N: "7" } } });
    expect(await store.get([at, at])).toEqual([{ n: 7n }, { n: 7n }]);
    expect(dynamoDb.commandCalls(GetItemCommand).map((call) => call.args[0].input)).toEqual([
      { TableName: "money", Key: key, ConsistentRead: true },
    ]);
  });

  test("lists are strongly consistent, by prefix and page", async () => {
    dynamoDb.on(QueryCommand).resolves({ Items: [{ ...key, n: { N: "7" } }], LastEvaluatedKey: key });
    const page = await store.list("PEER#p", { prefix: "TXN#", limit: 5, after: "TXN#a" });
    expect(page).toEqual({ items: [{ key: at, item: { n: 7n } }], next: "BROKERSCRIP" });
    expect(dynamoDb.commandCalls(QueryCommand)[0]?.args[0].input).toEqual({
      TableName: "money",
      ConsistentRead: true,
      Limit: 5,
      KeyConditionExpression: "pk = :pk AND begins_with(sk, :prefix)",
      ExpressionAttributeValues: { ":pk": { S: "PEER#p" }, ":prefix": { S: "TXN#" } },
      ExclusiveStartKey: { pk: { S: "PEER#p" }, sk: { S: "TXN#a" } },
    });
  });

  test("binary attributes come and go as bytes", async () => {
    const item = { sequence: 1, head: Uint8Array.of(0, 255), value: 5n, currency: "EUR" };
    dynamoDb.on(PutItemCommand).resolves({});
    await store.commit([{ put: purseItem.toItem(item), at, expect: "absent" }]);
    const sent = dynamoDb.commandCalls(PutItemCommand)[0]?.args[0].input.Item ?? {};
    expect(sent.head).toEqual({ B: Uint8Array.of(0, 255) });
    dynamoDb.on(GetItemCommand).resolves({ Item: sent });
    expect(purseItem.read((await store.get([at]))[0])).toEqual(item);
  });
});

describe("what the DynamoDB store makes of errors", () => {
  test.each([
    "TransactionConflictException",
    "TransactionInProgressException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "InternalServerError",
  ])("%s is tried again, and again without end is StoreBusy", async (name) => {
    dynamoDb.on(PutItemCommand).rejectsOnce(fault(name)).resolves({});
    expect(await store.commit(single)).toBe("committed");
    expect(dynamoDb.commandCalls(PutItemCommand)).toHaveLength(2);

    dynamoDb.reset();
    dynamoDb.on(PutItemCommand).rejects(fault(name));
    await expect(store.commit(single)).rejects.toThrow(StoreBusy);
    expect(dynamoDb.commandCalls(PutItemCommand)).toHaveLength(limits.storeAttempts);
  });

  test.each(["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])(
    "a transaction cancelled for %s is tried again, and again without end is StoreBusy",
    async (code) => {
      dynamoDb.on(TransactWriteItemsCommand).rejectsOnce(cancelled("None", code)).resolves({});
      expect(await store.commit(double)).toBe("committed");
      expect(dynamoDb.commandCalls(TransactWriteItemsCommand)).toHaveLength(2);

      dynamoDb.reset();
      dynamoDb.on(TransactWriteItemsCommand).rejects(cancelled(undefined, code));
      await expect(store.commit(double)).rejects.toThrow(StoreBusy);
      expect(dynamoDb.commandCalls(TransactWriteItemsCommand)).toHaveLength(limits.storeAttempts);
    },
  );

  test("pauses between attempts grow and are bounded", async () => {
    dynamoDb.on(PutItemCommand).rejects(fault("ThrottlingException"));
    const before = runtime.slept.length;
    await expect(store.commit(single)).rejects.toThrow(StoreBusy);
    expect(runtime.slept.slice(before)).toEqual([20, 40, 80, 160, 200, 200, 200]);
  });

  test("a single condition that does not hold is `moved`", async () => {
    dynamoDb.on(PutItemCommand).rejects(failed());
    expect(await store.commit(single)).toBe("moved");
  });

  test.each([[["None", "ConditionalCheckFailed"]], [["TransactionConflict", "ConditionalCheckFailed"]]])(
    "a transaction cancelled for %j is `moved`",
    async (codes) => {
      dynamoDb.on(TransactWriteItemsCommand).rejects(cancelled(...codes));
      expect(await store.commit(double)).toBe("moved");
      expect(dynamoDb.commandCalls(TransactWriteItemsCommand)).toHaveLength(1);
    },
  );

  test.each([
    ["a validation error", fault("ValidationException")],
    ["an error of the item's size", cancelled("None", "ItemCollectionSizeLimitExceeded")],
    ["a transaction's validation error", cancelled("ValidationError", "None")],
    ["a validation error beside a conflict", cancelled("ValidationError", "TransactionConflict")],
    ["a cancellation without reasons", cancelled()],
    ["a lack of rights", fault("AccessDeniedException")],
    ["a table that is not there", fault("ResourceNotFoundException")],
  ])("%s is thrown at once", async (_, error) => {
    dynamoDb.on(TransactWriteItemsCommand).rejects(error);
    await expect(store.commit(double)).rejects.toBe(error);
    expect(dynamoDb.commandCalls(TransactWriteItemsCommand)).toHaveLength(1);
  });

  test("a read of several items that meets another's commit is tried again", async () => {
    dynamoDb
      .on(TransactGetItemsCommand)
      .rejectsOnce(cancelled("None", "TransactionConflict"))
      .resolvesOnce({ Responses: [{}, {}] });
    expect(await store.get([at, keys.credential("p")])).toEqual([undefined, undefined]);
    expect(dynamoDb.commandCalls(TransactGetItemsCommand)).toHaveLength(2);
  });

  test.each(["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"])(
    "a read that meets %s is tried again, and again without end is StoreBusy",
    async (name) => {
      dynamoDb.on(GetItemCommand).rejects(fault(name));
      await expect(store.get([at])).rejects.toThrow(StoreBusy);
      dynamoDb.on(QueryCommand).rejects(fault(name));
      await expect(store.list("x")).rejects.toThrow(StoreBusy);
    },
  );

  test("an attribute of a kind that we never write is a fault", async () => {
    dynamoDb.on(GetItemCommand).resolves({ Item: { ...key, odd: { BOOL: true } } });
    await expect(store.get([at])).rejects.toThrow("unknown kind: odd");
  });
});
