/** A batch of the table's stream as Lambda hands it over: attribute values in DynamoDB's JSON, bytes in base64. */
import type { AttributeValue, DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";
import type { JournalBatch, JournalRecord } from "../ports/journal.ts";
import type { Attribute, Item, Key } from "../ports/store.ts";

/** The event's records, whatever they are about; undefined where there are none. Throws where one lacks something. */
export function readStreamEvent({ Records }: DynamoDBStreamEvent): JournalBatch | undefined {
  const [first] = Records;
  if (first === undefined) return undefined;
  const table = tableOf(first);
  if (Records.some((record) => tableOf(record) !== table))
    throw new Error("a batch of the stream is about several tables");
  return { table, records: Records.map(toRecord) };
}

/** arn:aws:dynamodb:region:account:table/NAME/stream/LABEL */
function tableOf({ eventSourceARN = "" }: DynamoDBRecord): string {
  const table = /:table\/([\w.-]+)\/stream\//.exec(eventSourceARN)?.[1];
  if (table === undefined) throw new Error("a record of the stream does not say of which table it is");
  return table;
}

function toRecord({ eventName, dynamodb = {} }: DynamoDBRecord): JournalRecord {
  const { SequenceNumber: sequence, ApproximateCreationDateTime: seconds, Keys, NewImage } = dynamodb;
  if (sequence === undefined || seconds === undefined || Keys === undefined)
    throw new Error("a record of the stream lacks its key, its sequence number or its time");
  const key = keyOf(Keys);
  const at = Math.floor(seconds * 1000);
  if (eventName === "REMOVE") return { key, image: undefined, sequence, at };
  // Without its image a change cannot be repeated: the stream is not set up as the table's definition says.
  if (NewImage === undefined) throw new Error("a record of the stream lacks the item's new image");
  return { key, image: imageOf(NewImage), sequence, at };
}

function keyOf({ pk, sk }: Record<string, AttributeValue>): Key {
  if (pk?.S === undefined || sk?.S === undefined) throw new Error("a record of the stream has another key");
  return { pk: pk.S, sk: sk.S };
}

function imageOf({ pk: _pk, sk: _sk, ...image }: Record<string, AttributeValue>): Item {
  const attributes = Object.entries(image).map(([name, value]) => [name, attributeOf(value)] as const);
  return Object.fromEntries(
    attributes.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** Undefined for what the broker never writes: one such attribute must not hold up the journal of everything behind it. */
function attributeOf(value: AttributeValue): Attribute | undefined {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return /^-?\d+$/.test(value.N) ? BigInt(value.N) : undefined;
  return value.B === undefined ? undefined : new Uint8Array(Buffer.from(value.B, "base64"));
}

/** How many attributes of a batch are of no kind that the broker writes: the journal is without them. */
export const foreignAttributes = ({ Records }: DynamoDBStreamEvent): number =>
  Records.flatMap(({ dynamodb: { NewImage = {} } = {} }) => Object.values(NewImage)).filter(
    (value) => attributeOf(value) === undefined,
  ).length;
