import { DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { dynamoDbScan } from "@lepta/lambdas/aws/dynamodb-scan";
import { mockClient } from "aws-sdk-client-mock";
import { beforeEach, describe, expect, test } from "vitest";
import { testRuntime } from "../../support/runtime.ts";

const dynamoDb = mockClient(DynamoDBClient);
const scan = dynamoDbScan(new DynamoDBClient({ region: "us-east-1" }), "table", testRuntime());

beforeEach(() => dynamoDb.reset());

describe("a page of the table", () => {
  test("is asked for strongly consistent, from where the last one ended", async () => {
    dynamoDb.on(ScanCommand).resolves({ Items: [], LastEvaluatedKey: { pk: { S: "P" }, sk: { S: "s" } } });
    expect(await scan.page({ pk: "O", sk: "r" }, 5)).toEqual({ items: [], next: { pk: "P", sk: "s" } });
    expect(dynamoDb.commandCalls(ScanCommand)[0]?.args[0].input).toEqual({
      TableName: "table",
      ConsistentRead: true,
      Limit: 5,
      ExclusiveStartKey: { pk: { S: "O" }, sk: { S: "r" } },
    });
  });

  test.each([
    ["a list", { L: [] }],
    ["a fraction", { N: "1.5" }],
  ])("shows an item with %s as one that cannot be read, and the others whole", async (_, damaged) => {
    const [one, other] = ["a", "b"].map((sk) => ({ pk: { S: "P" }, sk: { S: sk }, n: { N: "1" } }));
    dynamoDb.on(ScanCommand).resolves({ Items: [{ ...one, n: damaged }, { ...other }] });
    expect(await scan.page(undefined, 5)).toEqual({
      items: [
        { key: { pk: "P", sk: "a" }, item: undefined },
        { key: { pk: "P", sk: "b" }, item: { n: 1n } },
      ],
    });
  });

  test("is asked for again after a throttle", async () => {
    const throttle = Object.assign(new Error(), { name: "ThrottlingException" });
    dynamoDb.on(ScanCommand).rejectsOnce(throttle).resolves({ Items: [] });
    expect(await scan.page(undefined, 5)).toEqual({ items: [] });
    expect(dynamoDb.commandCalls(ScanCommand)).toHaveLength(2);
  });
});
