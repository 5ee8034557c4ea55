/** What memory keeps of a scrip's record, read without the rest: a merchant reads all that is outstanding when it starts. */
import { decodeAs, isRefusal, LeptaError } from "@lepta/protocol";
import { SALT } from "./outstanding.ts";
import { type ScripRecord, scripRecord } from "./records.ts";

type Head = Pick<ScripRecord, "state" | "salt">;

const LETTERS = new TextDecoder();
/** Bytes of the fields between state and salt, in deterministic CBOR: each with its key. */
const OWNER = 1 + 2 + 32;
const CURRENCY = 1 + 1 + 4;
/** The key of a salt and the head of its byte string. */
const SALT_HEAD = [5, 0x40 + SALT];

/** State and salt of a record; where it does not look as we write it all of it is read. Throws `store-damaged`. */
export function readHead(key: string, bytes: Uint8Array): Head {
  // A map whose first field is the state: a text of less than 24 bytes.
  const length = (bytes[2] ?? 0) - 0x60;
  if (bytes[1] === 1 && length > 0 && length < 24) {
    const state = LETTERS.decode(bytes.subarray(3, 3 + length));
    let at = 3 + length + OWNER + CURRENCY;
    at += width(bytes[at]) + 1;
    at += width(bytes[at]);
    const from = at + SALT_HEAD.length;
    const isSalt = SALT_HEAD.every((each, i) => bytes[at + i] === each) && from + SALT <= bytes.length;
    if (isSalt && isState(state)) return { state, salt: bytes.subarray(from, from + SALT) };
  }
  const record = decodeAs(scripRecord, bytes);
  if (isRefusal(record)) throw new LeptaError("store-damaged", `${key}: ${record.detail ?? record.code}`);
  return record;
}

/** Bytes of an unsigned integer that begins so. */
const width = (lead = 0): number => (lead < 24 ? 1 : 1 + 2 ** (lead - 24));

const isState = (text: string): text is Exclude<ScripRecord["state"], "spent"> =>
  text === "live" || text === "reserved" || text === "returning" || text === "lane";
