/**
 * Any bytes of this protocol in plain words, with each check that can be made of them. Nothing is believed: what is shown of a
 * message is what it says, and the checks tell which of it holds. Hostile bytes never throw, and work and output are bounded.
 */
import { type Cbor, type CborMap, decodeCbor, Tagged } from "../cbor.ts";
import { tags } from "../cose/labels.ts";
import { isRefusal } from "../errors.ts";
import { limits } from "../limits.ts";
import { messages } from "../messages/index.ts";
import { signedStatement } from "../messages/signed-statement.ts";
import { decodeAs } from "../schema.ts";
import { cborField } from "./cbor.ts";
import type { InspectContext, Inspection } from "./inspection.ts";
import { readError, readFrame, readItem, readItems } from "./items.ts";
import { readCredential, readKey, readKeyList } from "./keys.ts";
import { readReceiptFile } from "./receipt.ts";
import { check, field, type Part, type Place, Report, refused } from "./report.ts";
import { readSealed } from "./sealed.ts";
import { readSigned, readUnsigned } from "./signed.ts";
import { readSignedStatement } from "./statement.ts";
import { readOther, readScripPart } from "./structures.ts";
import { count } from "./text.ts";
import { gather } from "./trust.ts";

export type * from "./inspection.ts";
export { printable } from "./text.ts";

/** What these bytes are, what they say, and what of it holds, as far as the context lets that be known. */
export async function inspect(bytes: Uint8Array, context: InspectContext = {}): Promise<Inspection> {
  const { revoked } = context;
  // It is asked for more than once, and what is iterated need not begin again.
  const report = new Report(revoked === undefined ? context : { ...context, revoked: [...revoked] }, read);
  gather(report);
  const place: Place = { report, path: "", depth: 0, isQuiet: false, signedAt: undefined };
  const { kind, title, figure, fields } = await readWhole(bytes, place);
  const checks = await report.conclude();
  return {
    kind,
    title,
    ...(figure === undefined ? {} : { figure }),
    length: bytes.length,
    fields,
    checks,
  };
}

async function readWhole(bytes: Uint8Array, place: Place): Promise<Part> {
  if (bytes.length <= limits.receiptBytes) return read(bytes, place);
  check(place, "Size", [
    "bad",
    `${count(bytes.length, "byte")}: nothing of ours is longer than ${limits.receiptBytes}`,
  ]);
  return { kind: "unknown", title: "Too long to be of this protocol", fields: [] };
}

/** Bytes wherever they stand. */
async function read(bytes: Uint8Array, place: Place): Promise<Part> {
  const item = decodeCbor(bytes);
  if (isRefusal(item)) {
    const wire = readSessionWire(bytes, place);
    if (wire !== undefined) return wire;
    check(place, "Encoding", refused(item));
    return { kind: "unknown", title: "No message of this protocol", fields: [] };
  }
  if (place.path === "") check(place, "Encoding", ["good", "CBOR in its only encoding, to the last byte"]);
  const part = await readItemOf(item, bytes, place);
  if (part !== undefined) return part;
  check(place, "Kind", ["bad", "nothing of this protocol looks so"]);
  const title = "CBOR that is no message of this protocol";
  return { kind: "CBOR", title, fields: [cborField("Content", item, place)] };
}

async function readItemOf(item: Cbor, bytes: Uint8Array, place: Place): Promise<Part | undefined> {
  if (item instanceof Tagged) {
    if (item.tag === tags.sign1) return readSigned(bytes, place);
    return item.tag === tags.encrypt ? readSealed(bytes, place) : undefined;
  }
  if (item instanceof Map) return readMap(item as CborMap, bytes, place);
  if (!Array.isArray(item)) return undefined;
  return (
    (await readItem(bytes, item, place)) ??
    (await readFrame(bytes, place)) ??
    (await readScripPart(bytes, place)) ??
    (await readItems(bytes, place))
  );
}

async function readMap(map: CborMap, bytes: Uint8Array, place: Place): Promise<Part | undefined> {
  // Structures that stand alone say what they are under the key of a message's type.
  const named = map.get(TYPE);
  if (named === "receipt") return readReceiptFile(bytes, map, place);
  if (named === "broker-keys") return readKeyList(bytes, map, place);
  if (named === "error") return readError(bytes, map, place);
  const type = messages.find(({ name }) => name === named);
  if (type !== undefined) return readUnsigned(bytes, type, place);
  // No other structure of ours has more fields.
  if (map.size > MOST_FIELDS) return undefined;
  const first = map.get(1);
  // A credential begins with a COSE_Sign1, and a statement, which stands in the same place, is a map.
  const isSigned = first instanceof Uint8Array && first[0] === SIGN1;
  if (first instanceof Uint8Array && !isSigned) {
    const statement = decodeAs(signedStatement, bytes);
    if (!isRefusal(statement)) return readSignedStatement(statement, place);
  }
  return (
    (isSigned ? await readCredential(bytes, place) : undefined) ??
    (await readScripPart(bytes, place)) ??
    readKey(bytes, place) ??
    (await readOther(bytes, place))
  );
}

/** The key of the type in every payload and every structure that travels alone. */
const TYPE = 3;
const MOST_FIELDS = 16;
/** The first byte of a COSE_Sign1. */
const SIGN1 = 0xd2;

/** A peers' WebSocket message that belongs to a session: only its two ends can tell what is in it. */
function readSessionWire(bytes: Uint8Array, place: Place): Part | undefined {
  const [first] = bytes;
  if (place.path !== "" || bytes.length <= TAG_BYTES || (first !== HANDSHAKE && first !== TRANSPORT))
    return undefined;
  const name = first === HANDSHAKE ? "handshake" : "transport";
  check(place, "Seal", [
    "unknown",
    "if it came over a peers' WebSocket, only the session's two ends can open it",
  ]);
  const fields = [field("Content", `${count(bytes.length - 1, "byte")}, not to be read`)];
  return { kind: "sealed message", title: `Perhaps a session's ${name} message`, fields };
}

const HANDSHAKE = 0;
const TRANSPORT = 1;
const TAG_BYTES = 16;
