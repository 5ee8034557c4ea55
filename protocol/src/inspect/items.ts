/** What travels in a session, the frames outside of one, and the arrays of either. */
import { amountOf, formatAmount } from "../amount.ts";
import type { Cbor } from "../cbor.ts";
import { isRefusal } from "../errors.ts";
import { limits } from "../limits.ts";
import { decodePayload } from "../messages/define.ts";
import { errorCodec } from "../messages/error.ts";
import { frameCodec } from "../messages/meeting.ts";
import { contentCodec } from "../messages/parts.ts";
import * as session from "../messages/session.ts";
import { type Codec, decodeAs } from "../schema.ts";
import { cborField } from "./cbor.ts";
import { fieldsOf, fieldsOfList, nested, secretField } from "./fields.ts";
import type { Figure, InspectedField } from "./inspection.ts";
import { check, field, type Part, type Place, refused, within } from "./report.ts";
import { readSigned } from "./signed.ts";
import { judgeSide } from "./statement.ts";
import { count, printable } from "./text.ts";
import { wordsOf } from "./words.ts";

interface ItemWords {
  readonly codec: Codec<readonly unknown[]>;
  readonly title: string;
  /** What stands behind the item's number. */
  readonly names: readonly string[];
  readonly figure?: Figure;
}

const item = (codec: unknown, title: string, names: string, message?: string): ItemWords => {
  const words = { codec: codec as ItemWords["codec"], names: names.split(" ") };
  if (message === undefined) return { ...words, title };
  return { ...words, title: `${title} (figure 7, ${message})`, figure: { number: 7, message } };
};

/** By the item's number. */
export const itemWords: Readonly<Record<number, ItemWords>> = {
  1: item(session.laneOpen, "A lane is opened", "lane scrip pop authorization"),
  2: item(session.laneOpened, "A lane is open", "lane sequence remaining chain"),
  3: item(session.laneBuy, "Purchase request on a lane", "lane sequence amount metered order", "M1"),
  4: item(
    session.laneSold,
    "Purchase response on a lane",
    "lane sequence charged remaining goods goodsType",
    "M2",
  ),
  5: item(session.laneRefused, "Purchase refused on a lane", "lane sequence code remaining", "M2"),
  6: item(session.sessionMessage, "Message in a session", "id content"),
  7: item(session.laneClose, "A lane is to be closed", "lane"),
  8: item(session.ping, "Heartbeat", "number"),
  9: item(session.pong, "Echo of a heartbeat, or a session is taken", "number"),
  10: item(session.sessionClose, "A session ends", "code"),
  11: item(session.laneResume, "A lane is resumed", "lane sequence chain pop"),
  12: item(session.laneJoined, "A session joined a lane's chain", "lane sequence opening"),
  13: item(session.laneFault, "A lane cannot go on", "lane code"),
  14: item(session.statementProposal, "A statement is proposed", "lane statement signature secret"),
  15: item(session.statementSigned, "A statement is signed by the customer", "lane signature"),
  16: item(session.statementsRecorded, "Statements are recorded", "acknowledgement statements"),
};

const OF_SESSION: ReadonlySet<number> = new Set([6, 8, 9, 10]);

/** An item of a session; undefined where the array does not begin with the number of one. */
export async function readItem(
  bytes: Uint8Array,
  array: readonly Cbor[],
  place: Place,
): Promise<Part | undefined> {
  const [number] = array;
  const words = typeof number === "number" ? itemWords[number] : undefined;
  // A frame begins with a number as well, and then has an array.
  if (words === undefined || typeof number !== "number" || isFrameLike(array)) return undefined;
  const kind = OF_SESSION.has(number) ? "session item" : "lane item";
  const part = { kind, title: words.title, figure: words.figure } as const;
  const values = decodeAs(words.codec, bytes);
  if (isRefusal(values)) {
    check(place, "Fields", refused(values));
    return { ...part, fields: [cborField("Content", array, place)] };
  }
  check(place, "Fields", ["good", `item ${number}, each field in its shape`]);
  return { ...part, fields: await itemFields(number, words.names, values.slice(1), place) };
}

const isFrameLike = (array: readonly Cbor[]): boolean => array.length === 2 && Array.isArray(array[1]);

async function itemFields(
  number: number,
  names: readonly string[],
  values: readonly unknown[],
  place: Place,
): Promise<readonly InspectedField[]> {
  if (number === 1) return openFields(values, place);
  if (number === 4 || number === 5) return soldFields(names, values, place);
  if (number === 6) return contentFields(values as readonly [number, Uint8Array], place);
  if (number === 14)
    return proposalFields(values as readonly [number, Uint8Array, Uint8Array, Uint8Array], place);
  if (number === 16) {
    const [acknowledgement, statements] = values as readonly [
      Uint8Array,
      readonly (readonly [string, number])[],
    ];
    const named = statements.map(([digest, index]) => field(digest, `entry ${index} of the batch`));
    return [
      ...(await fieldsOf({ acknowledgement }, place)),
      field("Statements", count(statements.length, "item"), { fields: named }),
    ];
  }
  return fieldsOfList(names, values, place);
}

async function openFields(values: readonly unknown[], place: Place): Promise<readonly InspectedField[]> {
  const [lane, scrip, pop, authorization] = values;
  const isThere = (authorization as Uint8Array).length > 0;
  return fieldsOf({ lane, scrip, pop, ...(isThere ? { authorization } : {}) }, place);
}

/** Amounts are in millionths of the lane's currency, which stands in M1. */
async function soldFields(
  names: readonly string[],
  values: readonly unknown[],
  place: Place,
): Promise<readonly InspectedField[]> {
  const named = Object.fromEntries(names.map((name, i) => [name, values[i]]));
  for (const name of ["charged", "remaining"])
    if (name in named) named[name] = inLanesCurrency(Number(named[name]));
  if (named.goodsType === "") named.goodsType = session.GOODS_TYPE;
  return fieldsOf(named, place);
}

const inLanesCurrency = (units: number): string =>
  `${formatAmount(amountOf("XXX", BigInt(units))).slice("XXX ".length)} in the lane's currency`;

/** A content that the session seals, or an error message. */
async function contentFields(
  [id, bytes]: readonly [number, Uint8Array],
  place: Place,
): Promise<readonly InspectedField[]> {
  const content = decodeAs(contentCodec, bytes);
  if (isRefusal(content)) {
    const isError = !isRefusal(decodeAs(errorCodec, bytes));
    if (!isError) check(place, "Content", refused(content));
    const shown = isError
      ? await nested("Content", bytes, place, ({ kind }) => kind === "error message")
      : field("Content", "not a content of a session", { note: count(bytes.length, "byte") });
    return [field("Id", String(id)), shown];
  }
  const part = await readSigned(content.signed, within(place, "Content"), content);
  return [field("Id", String(id)), field("Content", part.title, { fields: part.fields })];
}

async function proposalFields(
  [lane, payload, signature, secret]: readonly [number, Uint8Array, Uint8Array, Uint8Array],
  place: Place,
): Promise<readonly InspectedField[]> {
  const said = decodePayload(session.statement, payload);
  if (isRefusal(said)) check(place, "Statement", refused(said));
  else check(place, "Merchant's signature", () => judgeSide(payload, signature, said.from, place));
  const fields = isRefusal(said) ? [] : await fieldsOf(said, place);
  return [
    field("Lane", String(lane)),
    field("Statement", isRefusal(said) ? "not a statement" : wordsOf(session.statement).title, { fields }),
    ...(await fieldsOf({ signature }, place)),
    ...(secret.length > 0 ? [secretField("CustomerSecret of the change", secret.length)] : []),
  ];
}

/** One WebSocket message between peers, outside a session. */
export async function readFrame(bytes: Uint8Array, place: Place): Promise<Part | undefined> {
  if (bytes.length > limits.frameBytes) return undefined;
  const frame = decodeAs(frameCodec, bytes);
  if (isRefusal(frame)) return undefined;
  const [id, messages] = frame;
  check(place, "Form", ["good", `an id and ${count(messages.length, "message")}`]);
  const fields = [field("Id", String(id)), ...(await each("Message", messages, place))];
  const title = `Frame with ${count(messages.length, "message")}`;
  return { kind: "frame", title, fields };
}

/** The items of one message of a session, as they are before they are sealed. */
export async function readItems(bytes: Uint8Array, place: Place): Promise<Part | undefined> {
  const items = decodeAs(session.sessionItems, bytes);
  if (isRefusal(items)) return undefined;
  check(place, "Form", ["good", "an array of byte strings"]);
  const fields = await each("Item", items, place);
  return { kind: "batch", title: `Message of a session with ${count(items.length, "item")}`, fields };
}

async function each(
  name: string,
  all: readonly Uint8Array[],
  place: Place,
): Promise<readonly InspectedField[]> {
  const fields: InspectedField[] = [];
  for (const [i, bytes] of all.entries()) {
    if (!place.report.hasRoom()) {
      check(place, `${name} ${i + 1} to ${all.length}`, ["unknown", "too many to be looked at here"]);
      break;
    }
    fields.push(await nested(`${name} ${i + 1}`, bytes, place, ({ kind }) => kind !== "unknown"));
  }
  return fields;
}

/** An error message: neither signed nor sealed. */
export async function readError(bytes: Uint8Array, item: Cbor, place: Place): Promise<Part> {
  const error = decodeAs(errorCodec, bytes);
  if (isRefusal(error)) {
    check(place, "Fields", refused(error));
    const fields = [cborField("Content", item, place)];
    return { kind: "error message", title: "Error message that cannot be read", fields };
  }
  check(place, "Fields", [
    "good",
    "all there, each in its shape; nobody signs an error, and it proves nothing",
  ]);
  const title = `Error message: ${printable(error.code, 32)}`;
  return { kind: "error message", title, fields: await fieldsOf(error, place) };
}
