/**
 * Deterministic CBOR (RFC 8949 section 4.2.1), the subset that the protocol uses: integers within ±(2^53−1), byte and
 * text strings, arrays, maps with integer keys, tags, false, true and null. One value has one spelling, and the decoder
 * takes no other.
 */
import { type Or, refuse } from "./errors.ts";
import { limits } from "./limits.ts";

export class Tagged {
  readonly tag: number;
  readonly value: Cbor;
  constructor(tag: number, value: Cbor) {
    this.tag = tag;
    this.value = value;
  }
}

export type CborMap = ReadonlyMap<number, Cbor>;
export type Cbor = number | string | boolean | null | Uint8Array | readonly Cbor[] | CborMap | Tagged;

/** The one encoding of a value. Throws where the value has none: that is our own fault. */
export function encodeCbor(value: Cbor): Uint8Array {
  const writer = new Writer();
  write(writer, value, 1);
  return writer.bytes();
}

/** The value whose one encoding these bytes are, or `malformed`. Work is bounded by the length of the bytes. */
export function decodeCbor(bytes: Uint8Array): Or<Cbor> {
  try {
    // A plain view: a Buffer's own slice would share its pool's memory with what we hand out.
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    const reader = { bytes: plain, view: new DataView(plain.buffer, plain.byteOffset, plain.length), at: 0 };
    const value = read(reader, 1);
    if (reader.at !== plain.length) throw new Malformed("bytes after the end");
    return value;
  } catch (error) {
    if (error instanceof Malformed) return refuse("malformed", error.message);
    throw error;
  }
}

/** Thrown inside decoders only; every exported decoder turns it into the refusal `malformed`. */
export class Malformed extends Error {}

const UINT = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;
const SIMPLE = 7;

const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class Writer {
  #buffer = new Uint8Array(512);
  #view = new DataView(this.#buffer.buffer);
  #at = 0;

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#at);
  }

  byte(value: number): void {
    this.#room(1);
    this.#buffer[this.#at] = value;
    this.#at += 1;
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  head(major: number, argument: number): void {
    this.#room(9);
    const lead = major << 5;
    if (argument < 24) this.byte(lead | argument);
    else if (argument < 0x100) {
      this.byte(lead | 24);
      this.byte(argument);
    } else if (argument < 0x10000) {
      this.byte(lead | 25);
      this.#view.setUint16(this.#at, argument);
      this.#at += 2;
    } else if (argument < 0x100000000) {
      this.byte(lead | 26);
      this.#view.setUint32(this.#at, argument);
      this.#at += 4;
    } else {
      this.byte(lead | 27);
      this.#view.setBigUint64(this.#at, BigInt(argument));
      this.#at += 8;
    }
  }

  #room(more: number): void {
    if (this.#at + more <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#at + more));
    grown.set(this.#buffer);
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
}

function write(writer: Writer, value: Cbor, depth: number): void {
  if (depth > limits.nesting) throw new RangeError("CBOR value is nested too deeply");
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new RangeError("CBOR number is not a safe integer");
    if (value >= 0) writer.head(UINT, value);
    else writer.head(NEGATIVE, -1 - value);
  } else if (typeof value === "string") {
    if (!value.isWellFormed()) throw new RangeError("CBOR text is not well-formed Unicode");
    const bytes = textEncoder.encode(value);
    writer.head(TEXT, bytes.length);
    writer.raw(bytes);
  } else if (value instanceof Uint8Array) {
    writer.head(BYTES, value.length);
    writer.raw(value);
  } else if (value === null) writer.byte(NULL);
  else if (typeof value === "boolean") writer.byte(value ? TRUE : FALSE);
  else if (value instanceof Tagged) {
    writer.head(TAG, value.tag);
    write(writer, value.value, depth + 1);
  } else if (value instanceof Map) {
    const entries = [...(value as CborMap)].sort(([a], [b]) => keyRank(a) - keyRank(b));
    writer.head(MAP, entries.length);
    for (const [key, item] of entries) {
      write(writer, key, depth);
      write(writer, item, depth + 1);
    }
  } else {
    const items = value as readonly Cbor[];
    writer.head(ARRAY, items.length);
    for (const item of items) write(writer, item, depth + 1);
  }
}

/** Bytewise order of encoded integer keys: 0, 1, 2 … before −1, −2, … */
const keyRank = (key: number): number => (key >= 0 ? key - 2 ** 53 : -key);

interface Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
}

function read(reader: Reader, depth: number): Cbor {
  if (depth > limits.nesting) throw new Malformed("nested too deeply");
  const lead = byteAt(reader);
  const major = lead >> 5;
  if (major === SIMPLE) {
    reader.at += 1;
    if (lead === FALSE) return false;
    if (lead === TRUE) return true;
    if (lead === NULL) return null;
    throw new Malformed("a simple value or float that is not used here");
  }
  const argument = readArgument(reader);
  if (major === UINT) return argument;
  if (major === NEGATIVE) {
    if (argument === Number.MAX_SAFE_INTEGER) throw new Malformed("integer out of range");
    return -1 - argument;
  }
  if (major === BYTES) return take(reader, argument).slice();
  if (major === TEXT) return readText(take(reader, argument));
  if (major === TAG) return new Tagged(argument, read(reader, depth + 1));
  if (argument > reader.bytes.length - reader.at) throw new Malformed("longer than the bytes at hand");
  if (major === ARRAY) {
    const items: Cbor[] = [];
    for (let i = 0; i < argument; i += 1) items.push(read(reader, depth + 1));
    return items;
  }
  return readMap(reader, argument, depth);
}

function readMap(reader: Reader, size: number, depth: number): CborMap {
  const map = new Map<number, Cbor>();
  let last = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < size; i += 1) {
    if (byteAt(reader) >> 5 > NEGATIVE) throw new Malformed("a map key that is not an integer");
    const key = read(reader, depth);
    if (typeof key !== "number") throw new Malformed("a map key that is not an integer");
    const rank = keyRank(key);
    if (rank <= last) throw new Malformed("map keys are doubled or out of order");
    last = rank;
    map.set(key, read(reader, depth + 1));
  }
  return map;
}

function readArgument(reader: Reader): number {
  const info = byteAt(reader) & 31;
  reader.at += 1;
  if (info < 24) return info;
  if (info > 27) throw new Malformed("an indefinite or reserved length");
  const width = 1 << (info - 24);
  take(reader, width);
  const at = reader.at - width;
  if (width === 1) return shortest(reader.view.getUint8(at), 24);
  if (width === 2) return shortest(reader.view.getUint16(at), 0x100);
  if (width === 4) return shortest(reader.view.getUint32(at), 0x10000);
  const wide = reader.view.getBigUint64(at);
  if (wide > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed("integer out of range");
  return shortest(Number(wide), 0x100000000);
}

function shortest(value: number, least: number): number {
  if (value < least) throw new Malformed("an integer that is not in its shortest form");
  return value;
}

function byteAt(reader: Reader): number {
  const byte = reader.bytes[reader.at];
  if (byte === undefined) throw new Malformed("the bytes end too early");
  return byte;
}

function take(reader: Reader, length: number): Uint8Array {
  if (length > reader.bytes.length - reader.at) throw new Malformed("the bytes end too early");
  reader.at += length;
  return reader.bytes.subarray(reader.at - length, reader.at);
}

function readText(bytes: Uint8Array): string {
  try {
    return textDecoder.decode(bytes);
  } catch {
    throw new Malformed("text that is not UTF-8");
  }
}
