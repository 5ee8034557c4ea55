/** A batch as an object's bytes: gzipped, one line of JSON for each record; and the name that puts it in its order. */
import { gunzipSync, gzipSync } from "node:zlib";
import type { JournalBatch, JournalRecord } from "../ports/journal.ts";
import type { Attribute, Item } from "../ports/store.ts";

/** The same records always make the same bytes. */
export const encodeRecords = (records: readonly JournalRecord[]): Uint8Array =>
  gzipSync(records.map((record) => `${JSON.stringify(toLine(record))}\n`).join(""));

/** Throws where the bytes are not what `encodeRecords` makes. */
export function decodeRecords(bytes: Uint8Array): readonly JournalRecord[] {
  const text = gunzipSync(bytes, { maxOutputLength: LONGEST }).toString("utf8");
  if (!text.endsWith("\n")) throw new Error("a journal's object ends within a record");
  return text
    .slice(0, -1)
    .split("\n")
    .map((line) => fromLine(JSON.parse(line) as Line));
}

/**
 * The object's name: the hour of its latest record, then its highest sequence number. A batch that is delivered again
 * with fewer or more records has another name, so it never takes the place of records that only the first one held; and
 * of two that overlap, the one that knows more comes later.
 */
export function objectName({ table, records }: JournalBatch): string {
  const [first, ...more] = records;
  if (first === undefined) throw new Error("a batch of the journal holds at least one record");
  let [least, most, latest] = [first.sequence, first.sequence, first.at];
  for (const { sequence, at } of more) {
    if (isLater(sequence, most)) most = sequence;
    if (isLater(least, sequence)) least = sequence;
    latest = Math.max(latest, at);
  }
  return `${hourPrefix(table, latest)}/${padded(most)}-${padded(least)}.ndjson.gz`;
}

/** Sorts before the names of all objects that hold a record made at or after this moment. */
export const hourPrefix = (table: string, at: number): string =>
  `${tablePrefix(table)}${new Date(at).toISOString().slice(0, 13).replace(/[-T]/g, "/")}`;

/** What the names of a table's objects begin with. */
export const tablePrefix = (table: string): string => `journal/${table}/`;

/** Whether one sequence number is higher than another; they have up to 40 digits. */
export const isLater = (sequence: string, than: string): boolean => padded(sequence) > padded(than);

const DIGITS = 40;
const padded = (sequence: string): string => sequence.padStart(DIGITS, "0");

/** Bytes: Lambda hands over at most 6 MB at once, and what unpacks to more was not written here. */
const LONGEST = 64 * 1024 * 1024;

/** The image's attributes as DynamoDB's JSON writes them. */
interface Line {
  readonly pk: string;
  readonly sk: string;
  readonly sequence: string;
  readonly at: number;
  readonly image?: Readonly<Record<string, LineAttribute>>;
}
type LineAttribute = { readonly S: string } | { readonly N: string } | { readonly B: string };

const toLine = ({ key: { pk, sk }, sequence, at, image }: JournalRecord): Line =>
  image === undefined
    ? { pk, sk, sequence, at }
    : { pk, sk, sequence, at, image: mapValues(sorted(image), toAttribute) };

function fromLine({ pk, sk, sequence, at, image }: Line): JournalRecord {
  if (
    typeof pk !== "string" ||
    typeof sk !== "string" ||
    typeof at !== "number" ||
    !/^\d{1,40}$/.test(sequence)
  )
    throw new Error("a record of the journal cannot be read");
  return { key: { pk, sk }, sequence, at, image: image && mapValues(image, fromAttribute) };
}

function toAttribute(value: Attribute): LineAttribute {
  if (typeof value === "string") return { S: value };
  return value instanceof Uint8Array ? { B: Buffer.from(value).toString("base64") } : { N: value.toString() };
}

function fromAttribute(value: LineAttribute): Attribute {
  if ("S" in value) return value.S;
  return "B" in value ? new Uint8Array(Buffer.from(value.B, "base64")) : BigInt(value.N);
}

/** A batch that is delivered again may name an item's attributes in another order. */
const sorted = (item: Item): Item =>
  Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));

const mapValues = <A, B>(from: Readonly<Record<string, A>>, to: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(from).map(([name, value]) => [name, to(value)]));
