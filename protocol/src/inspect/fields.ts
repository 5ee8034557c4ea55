/** Decoded structures as fields: each value by its name and its type, what is encoded in it taken apart in its turn. */
import { type Amount, formatAmount } from "../amount.ts";
import { isRefusal } from "../errors.ts";
import { limits } from "../limits.ts";
import { ANYBODY } from "../messages/define.ts";
import {
  brokerSpendCodec,
  type Grant,
  purchaseSpendCodec,
  returnSpendCodec,
  type ScripTuple,
  type Spend,
} from "../messages/parts.ts";
import { decodeAs, type Uid } from "../schema.ts";
import { readScrip } from "../scrip.ts";
import type { InspectedField } from "./inspection.ts";
import { check, field, type Part, type Place, within } from "./report.ts";
import { bytesText, count, moment, printable, short } from "./text.ts";
import { label } from "./words.ts";

/** The fields of a structure, as far as there is room for them. */
export async function fieldsOf(structure: object, place: Place): Promise<readonly InspectedField[]> {
  const fields: InspectedField[] = [];
  for (const [name, value] of Object.entries(structure)) {
    if (value === undefined || HIDDEN.has(name)) continue;
    if (!place.report.hasRoom()) return [...fields, NO_ROOM];
    if (name === "goods") fields.push(goodsField(value as Uint8Array, structure));
    else fields.push(await fieldOf(name, value, place));
  }
  return fields;
}

/** The fields of an array, its items named one by one. */
export async function fieldsOfList(
  names: readonly string[],
  values: readonly unknown[],
  place: Place,
): Promise<readonly InspectedField[]> {
  return fieldsOf(Object.fromEntries(names.map((name, i) => [name, values[i]])), place);
}

/** One field. */
export async function fieldOf(name: string, value: unknown, place: Place): Promise<InspectedField> {
  const named = label(name);
  if (typeof value === "boolean") return field(named, value ? "yes" : "no");
  if (typeof value === "number") return field(named, numberText(name, value));
  if (typeof value === "string") return textField(name, value, place);
  if (value instanceof Uint8Array) return bytesField(name, value, place);
  if (isAmount(value)) return field(named, formatAmount(value));
  if (Array.isArray(value)) return listField(name, value, place);
  if (GRANTS.has(name)) return grantField(named, value as Grant, place);
  return field(named, summary(value as object), { fields: await fieldsOf(value as object, place) });
}

/** What stands encoded in a field, taken apart; red where it is something else than belongs there. */
export async function nested(
  named: string,
  bytes: Uint8Array,
  place: Place,
  belongs: (part: Part) => boolean,
): Promise<InspectedField> {
  const note = count(bytes.length, "byte");
  const inner = within(place, named);
  if (inner.depth > limits.inspectedDepth) {
    check(inner, "Content", ["unknown", "it stands deeper than is looked at"]);
    return field(named, "deeper than is shown", { note });
  }
  const part = await place.report.read(bytes, inner);
  if (!belongs(part)) check(inner, "Content", ["bad", "something else belongs here"]);
  return field(named, part.title, { note, fields: part.fields });
}

/** A secret: that it is there, and nothing of it. */
export const secretField = (named: string, length: number): InspectedField =>
  field(named, `secret, ${count(length, "byte")}, not shown`);

export const bodyFields = async (
  encoded: Uint8Array,
  place: Place,
): Promise<readonly InspectedField[] | undefined> => {
  const body = readScrip(encoded);
  return isRefusal(body) ? undefined : fieldsOf(body, place);
};

/** A scrip as its owner shows it. */
export async function scripField(
  named: string,
  [body, certificate]: ScripTuple,
  place: Place,
): Promise<InspectedField> {
  const fields = await bodyFields(body, place);
  if (fields === undefined) return field(named, "not a scrip", { note: bytesText(body) });
  return field(named, scripTitle(body), { fields: [...fields, macField(certificate)] });
}

/** `"VendorScrip of EUR 0.98"`. */
export function scripTitle(encoded: Uint8Array): string {
  const body = readScrip(encoded);
  if (isRefusal(body)) return "not a scrip";
  return `${body.kind === "broker" ? "BrokerScrip" : "VendorScrip"} of ${formatAmount(body.value)}`;
}

/** What a spend shows and says, or undefined where it cannot be read. */
export function readAnySpend([body]: Spend) {
  for (const codec of [purchaseSpendCodec, brokerSpendCodec, returnSpendCodec]) {
    const spend = decodeAs(codec, body);
    if (!isRefusal(spend)) return spend;
  }
  return undefined;
}

const macField = (certificate: Uint8Array): InspectedField =>
  field("Certificate", bytesText(certificate), { note: "a MAC: only the scrip's issuer can check it" });

const NO_ROOM = field("…", "more than is shown");

/** Said by the title already. */
const HIDDEN: ReadonlySet<string> = new Set(["version", "type"]);
const GRANTS: ReadonlySet<string> = new Set(["grant", "live", "change"]);
const TIMES: ReadonlySet<string> = new Set([
  ...["issuedAt", "expiresAt", "decidedAt", "notBefore", "notAfter"],
  ...["minimumExpiry", "validUntil", "revokedFrom", "until"],
]);
const UIDS: ReadonlySet<string> = new Set([
  ...["network", "from", "to", "issuer", "owner", "merchant", "customer", "initiator", "key"],
]);
/** What the items of a tuple are, and of the tuples in a list. */
const TUPLES: Readonly<Record<string, readonly string[]>> = {
  record: ["sequence", "head"],
  place: ["session", "sequence"],
  spentBy: ["initiator", "txn"],
};
const LISTS: Readonly<Record<string, readonly string[]>> = {
  credits: ["customer", "txn", "amount"],
  open: ["txn", "kind"],
  vendors: ["merchant", "txn", "address", "owed"],
  disputes: ["customer", "txn", "until"],
  refused: ["index", "code"],
};
const isMessage =
  (...names: readonly string[]) =>
  ({ name }: Part): boolean =>
    name !== undefined && names.includes(name);
const isStatement = ({ kind }: Part): boolean => kind === "statement";
/** What is encoded in a field of this name, and how one tells that it is. */
const ENCODED: Readonly<Record<string, (part: Part) => boolean>> = {
  enrolment: isMessage("enrolment"),
  sealingKey: isMessage("sealing-key"),
  certificate: isMessage("key-certificate"),
  authorization: isMessage("authorization-response"),
  acknowledgement: isMessage("acknowledgement"),
  evidence: (part) => isStatement(part) || isMessage("purchase-request")(part),
  entries: (part) => isStatement(part) || isMessage("purchase-notice", "sale-notice")(part),
  certificates: isMessage("key-certificate"),
  revocations: isMessage("key-revocation"),
  escrow: ({ kind }) => kind === "sealed message",
  credential: ({ kind }) => kind === "credential",
  publicKey: isMessage("key"),
  rootKey: isMessage("key"),
};

const isAmount = (value: unknown): value is Amount =>
  typeof value === "object" && value !== null && "currency" in value && "value" in value;

function numberText(name: string, value: number): string {
  if (TIMES.has(name)) return moment(value);
  if (name === "scripLife") return `${value} ms (${Math.floor(value / 86_400_000)} days)`;
  if (name === "closes" || name === "metered") return value === 1 ? "yes" : "no";
  return String(value);
}

function textField(name: string, value: string, { report }: Place): InspectedField {
  if (!UIDS.has(name)) return field(label(name), value);
  return field(label(name), value, { note: roleOf(value, report.context.network) });
}

function roleOf(uid: Uid, network: Uid | undefined): string {
  if (uid === ANYBODY) return "anybody";
  return uid === network ? `${short(uid)}, the network` : short(uid);
}

async function bytesField(name: string, bytes: Uint8Array, place: Place): Promise<InspectedField> {
  const belongs = Object.hasOwn(ENCODED, name) ? ENCODED[name] : undefined;
  if (belongs !== undefined) return nested(label(name), bytes, place, belongs);
  if (name === "scrip") {
    const fields = await bodyFields(bytes, place);
    return field(label(name), scripTitle(bytes), fields === undefined ? {} : { fields });
  }
  return field(label(name), bytesText(bytes), { note: count(bytes.length, "byte") });
}

async function listField(name: string, values: readonly unknown[], place: Place): Promise<InspectedField> {
  const named = label(name);
  if (name === "spend") return spendField(named, values as unknown as Spend, place);
  if (name === "scrip") return scripField(named, values as unknown as ScripTuple, place);
  const names = TUPLES[name];
  if (names !== undefined)
    return field(named, summary(values), { fields: await fieldsOfList(names, values, place) });
  const fields: InspectedField[] = [];
  for (const [i, value] of values.entries()) {
    if (!place.report.hasRoom()) {
      if (Object.hasOwn(ENCODED, name))
        check(place, `${named} ${i + 1} to ${values.length}`, ["unknown", "too many to be looked at here"]);
      fields.push(NO_ROOM);
      break;
    }
    fields.push(await itemField(name, i, value, place));
  }
  return field(named, count(values.length, "item"), { fields });
}

async function itemField(name: string, i: number, value: unknown, place: Place): Promise<InspectedField> {
  const named = String(i + 1);
  const names = LISTS[name];
  if (names !== undefined && Array.isArray(value))
    return field(named, summary(value), { fields: await fieldsOfList(names, value, place) });
  const belongs = ENCODED[name];
  if (value instanceof Uint8Array && belongs !== undefined) {
    const inner = await nested(`${label(name)} ${named}`, value, place, belongs);
    return { ...inner, name: named };
  }
  if (value instanceof Uint8Array) return field(named, bytesText(value));
  return field(named, summary(value as object), { fields: await fieldsOf(value as object, place) });
}

async function grantField(named: string, grant: Grant, place: Place): Promise<InspectedField> {
  const scrip = await scripField(named, [grant.body, grant.certificate], place);
  const hash = field(label("secretHash"), bytesText(grant.secretHash));
  return { ...scrip, fields: [...(scrip.fields ?? []), hash] };
}

async function spendField(named: string, spend: Spend, place: Place): Promise<InspectedField> {
  const [body, pop] = spend;
  const proof = field(label("pop"), bytesText(pop), {
    note: "an HMAC: only the scrip's issuer can check it",
  });
  const read = readAnySpend(spend);
  if (read === undefined) return field(named, "not a spend", { note: count(body.length, "byte") });
  return field(named, `of ${scripTitle(read.scrip[0])}`, {
    fields: [...(await fieldsOf(read, place)), proof],
  });
}

/** What is in a structure or an array, on one line. */
function summary(value: object): string {
  if ("sku" in value) return printable(String(value.sku), 64);
  const most = Object.values(value).filter((each) => typeof each === "string" || typeof each === "number");
  return most.length > 0 ? printable(String(most[0]), 64) : count(Object.keys(value).length, "field");
}

/** Goods are anybody's bytes: text where they say so and are, otherwise their beginning in hex. */
function goodsField(goods: Uint8Array, structure: object): InspectedField {
  const type = "goodsType" in structure ? String(structure.goodsType) : "";
  const note = count(goods.length, "byte");
  if (/^(text\/|application\/json)/.test(type)) {
    // A cut may go through a character; the bytes must be text as a whole only as far as they are shown.
    const text = new TextDecoder().decode(goods.subarray(0, limits.inspectedText), { stream: true });
    const isCut = goods.length > limits.inspectedText;
    return field("Goods", isCut ? `${text}…` : text, { note });
  }
  return field("Goods", bytesText(goods), { note });
}
