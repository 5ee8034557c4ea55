/** The function `journal` as Lambda calls it, and what it sends to S3. */
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { streamFunctions } from "@lepta/lambdas";
import { decodeRecords } from "@lepta/lambdas/journal/encode";
import { memoryObserver } from "@lepta/lambdas/memory/observer";
import type { DynamoDBRecord } from "aws-lambda";
import { mockClient } from "aws-sdk-client-mock";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryBroker } from "../../support/broker.ts";

const s3 = mockClient(S3Client);
beforeEach(() => s3.reset());
afterEach(() => s3.reset());

const ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/Lepta-test/stream/2027-01-01T00:00:00.000";
/** As AWS documents it: seconds, bytes in base64. */
const record: DynamoDBRecord = {
  eventID: "1",
  eventName: "MODIFY",
  eventVersion: "1.1",
  eventSource: "aws:dynamodb",
  awsRegion: "eu-west-1",
  eventSourceARN: ARN,
  dynamodb: {
    ApproximateCreationDateTime: 1_798_761_600,
    Keys: { pk: { S: "PEER#a" }, sk: { S: "BROKERSCRIP" } },
    NewImage: {
      pk: { S: "PEER#a" },
      sk: { S: "BROKERSCRIP" },
      sequence: { N: "7" },
      salt: { B: "AP8=" },
      currency: { S: "EUR" },
    },
    SequenceNumber: "111",
    SizeBytes: 26,
    StreamViewType: "NEW_IMAGE",
  },
};
const removal: DynamoDBRecord = {
  ...record,
  eventName: "REMOVE",
  dynamodb: { ...record.dynamodb, NewImage: undefined, SequenceNumber: "112" } as NonNullable<
    DynamoDBRecord["dynamodb"]
  >,
};

async function journal() {
  const { wiring } = await memoryBroker({
    variables: { LEPTA_JOURNAL: "the-bucket", AWS_REGION: "eu-west-1" },
  });
  const environment = { ...wiring.environment, s3Endpoint: "http://127.0.0.1:1" };
  return streamFunctions.journal({ ...wiring, environment });
}

describe("the function journal", () => {
  test("puts a batch as one object into the journal's bucket", async () => {
    s3.on(PutObjectCommand).resolves({});
    expect(await (await journal())({ Records: [record, removal] })).toEqual({ written: 2 });
    const [call, ...more] = s3.commandCalls(PutObjectCommand);
    expect(more).toEqual([]);
    const { Bucket, Key, Body } = call?.args[0].input ?? {};
    const [most, least] = ["112", "111"].map((number) => number.padStart(40, "0"));
    expect([Bucket, Key]).toEqual([
      "the-bucket",
      `journal/Lepta-test/2027/01/01/00/${most}-${least}.ndjson.gz`,
    ]);
    const key = { pk: "PEER#a", sk: "BROKERSCRIP" };
    const image = { sequence: 7n, salt: new Uint8Array([0, 255]), currency: "EUR" };
    expect(decodeRecords(Body as Uint8Array)).toEqual([
      { key, image, sequence: "111", at: 1_798_761_600_000 },
      { key, image: undefined, sequence: "112", at: 1_798_761_600_000 },
    ]);
  });

  test("an attribute that the broker never writes is left out and told, and holds nothing up", async () => {
    const { wiring } = await memoryBroker({ variables: { LEPTA_JOURNAL: "the-bucket" } });
    const observer = memoryObserver();
    const NewImage = {
      ...record.dynamodb?.NewImage,
      flag: { BOOL: true },
      part: { N: "1.5" },
      list: { L: [] },
    };
    const odd = { ...record, dynamodb: { ...record.dynamodb, NewImage } };
    await streamFunctions.journal({ ...wiring, observer })({ Records: [odd, removal] });
    const [call] = s3.commandCalls(PutObjectCommand);
    const [kept] = decodeRecords(call?.args[0].input.Body as Uint8Array);
    expect(Object.keys(kept?.image ?? {}).sort()).toEqual(["currency", "salt", "sequence"]);
    expect(observer.entries).toContainEqual({
      route: "journal",
      outcome: "written",
      fault: "attributes left out",
      count: 3,
    });
  });

  test("throws where S3 does not take it, so that Lambda delivers the batch again", async () => {
    s3.on(PutObjectCommand).rejects(new Error("SlowDown"));
    await expect((await journal())({ Records: [record] })).rejects.toThrow("SlowDown");
  });

  test("an event without records is no object", async () => {
    expect(await (await journal())({ Records: [] })).toEqual({ written: 0 });
    expect(s3.calls()).toEqual([]);
  });

  test("is not wired without its bucket", async () => {
    const { wiring } = await memoryBroker();
    await expect(streamFunctions.journal(wiring)({ Records: [record] })).rejects.toThrow("LEPTA_JOURNAL");
  });

  test.each<[what: string, records: readonly DynamoDBRecord[], words: string]>([
    ["a change without its image", [{ ...removal, eventName: "INSERT" }], "lacks the item's new image"],
    ["a record of no table", [{ ...record, eventSourceARN: "arn:aws:sqs:x" }], "of which table"],
    [
      "records of two tables",
      [record, { ...record, eventSourceARN: ARN.replace("Lepta", "Other") }],
      "several tables",
    ],
    ["a record without a number", [{ ...record, dynamodb: { Keys: {} } }], "its sequence number"],
  ])("throws at %s: what cannot be journalled is not passed over", async (_, Records, words) => {
    await expect((await journal())({ Records: [...Records] })).rejects.toThrow(words);
    expect(s3.commandCalls(GetObjectCommand)).toEqual([]);
    expect(s3.commandCalls(PutObjectCommand)).toEqual([]);
  });
});
