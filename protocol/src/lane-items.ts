/**
 * The two items that every purchase on a lane costs (3 and 4), written and read without the general codec. Theirs is the
 * hot path: written so a pair costs 1 µs where the general codec takes 12 (Node 24). They write exactly what
 * `laneBuy` and `laneSold` write; what they read they only recognise, and whatever they do not goes to those codecs.
 */
import type { Amount } from "./amount.ts";
import { allocate, concat, utf8 } from "./bytes.ts";
import { limits } from "./limits.ts";
import type { Order } from "./messages/parts.ts";
import { orderCodec } from "./messages/parts.ts";
import { amount as amountCodec, encodeAs } from "./schema.ts";

const ARRAY_OF_6 = 0x86;
const ARRAY_OF_7 = 0x87;
const BUY = 3;
const SOLD = 4;
/** Of an integer's encoding, at most. */
const UINT_LENGTH = 9;

/** What stands in item 3 behind the sequence: amount, metered as 0 or 1, and order. The same for every purchase alike. */
export const orderTail = (price: Amount, order: Order, isMetered = false): Uint8Array =>
  concat(encodeAs(amountCodec, price), new Uint8Array([isMetered ? 1 : 0]), encodeAs(orderCodec, order));

/** Item 3: `tail` as `orderTail` makes it. */
export function writeBuy(lane: number, sequence: number, tail: Uint8Array): Uint8Array {
  const item = allocate(2 + uintLength(lane) + uintLength(sequence) + tail.length);
  item[0] = ARRAY_OF_6;
  item[1] = BUY;
  item.set(tail, writeUint(item, writeUint(item, 2, lane), sequence));
  return item;
}

/** The heads of an item 3. Nothing is said of the tail: it is known, or the general codec reads it. */
export interface BuyHeads {
  readonly lane: number;
  readonly sequence: number;
  /** Where `orderTail` begins. */
  readonly tail: number;
}

/** The heads, or undefined where the bytes do not begin as an item 3. */
export function readBuy(item: Uint8Array): BuyHeads | undefined {
  if (item[0] !== ARRAY_OF_6 || item[1] !== BUY) return undefined;
  const lane = readUint(item, 2);
  if (lane === undefined) return undefined;
  const afterLane = 2 + uintLength(lane);
  const sequence = readUint(item, afterLane);
  if (sequence === undefined) return undefined;
  return { lane, sequence, tail: afterLane + uintLength(sequence) };
}

/** Whether an item 3 with these heads carries this `orderTail`. */
export const hasTail = (item: Uint8Array, { tail }: BuyHeads, known: Uint8Array): boolean =>
  item.length - tail === known.length && startsWith(item, known, tail);

/** Item 4. */
export function writeSold(
  lane: number,
  sequence: number,
  charged: number,
  remaining: number,
  goods: Uint8Array,
  type: Uint8Array,
): Uint8Array {
  const buffer = allocate(2 + 6 * UINT_LENGTH + goods.length + type.length);
  let end = writePrefix(buffer, lane, sequence, charged, remaining);
  end = writeUint(buffer, end, goods.length, BYTES);
  buffer.set(goods, end);
  end = writeUint(buffer, end + goods.length, type.length, TEXT);
  buffer.set(type, end);
  return buffer.subarray(0, end + type.length);
}

/** What an item 4 must say. */
export interface ExpectedSold {
  readonly lane: number;
  readonly sequence: number;
  /** Millionths. */
  readonly charged: number;
  readonly remaining: number;
}

/** The goods of an item 4 that says this and ends with this media type (UTF-8); undefined where it is another item or none. */
export function readSold(
  item: Uint8Array,
  { lane, sequence, charged, remaining }: ExpectedSold,
  type: Uint8Array,
): Uint8Array | undefined {
  const prefix = writePrefix(prefixBytes, lane, sequence, charged, remaining);
  for (let i = 0; i < prefix; i += 1) if (item[i] !== prefixBytes[i]) return undefined;
  const length = readUint(item, prefix, BYTES);
  if (length === undefined || length > limits.deliveryBytes) return undefined;
  const start = prefix + uintLength(length);
  const end = start + length;
  if (readUint(item, end, TEXT) !== type.length) return undefined;
  const typeAt = end + uintLength(type.length);
  if (item.length !== typeAt + type.length || !startsWith(item, type, typeAt)) return undefined;
  return item.subarray(start, end);
}

/** Where the beginning that is expected is written, as nobody else runs meanwhile. */
const prefixBytes = new Uint8Array(2 + 4 * UINT_LENGTH);

/** The UTF-8 bytes of a media type, for the two functions above. */
export const typeBytes = (type: string): Uint8Array => utf8(type);

const UINT = 0x00;
const BYTES = 0x40;
const TEXT = 0x60;

function writePrefix(
  buffer: Uint8Array,
  lane: number,
  sequence: number,
  charged: number,
  remaining: number,
): number {
  buffer[0] = ARRAY_OF_7;
  buffer[1] = SOLD;
  const end = writeUint(buffer, writeUint(buffer, 2, lane), sequence);
  return writeUint(buffer, writeUint(buffer, end, charged), remaining);
}

/** Writes a head in its shortest form; tells where it ends. */
function writeUint(buffer: Uint8Array, at: number, value: number, major = UINT): number {
  const length = uintLength(value);
  if (length === 1) {
    buffer[at] = major | value;
    return at + 1;
  }
  buffer[at] = major | (LEAD[length] ?? 0);
  let rest = value;
  for (let i = at + length - 1; i > at; i -= 1) {
    buffer[i] = rest % 0x100;
    rest = Math.floor(rest / 0x100);
  }
  return at + length;
}

/** The additional information of a head of so many bytes. */
const LEAD: Readonly<Record<number, number>> = { 2: 24, 3: 25, 5: 26, 9: 27 };

function uintLength(value: number): number {
  if (value < 24) return 1;
  if (value < 0x100) return 2;
  if (value < 0x10000) return 3;
  return value < 0x100000000 ? 5 : 9;
}

/** An argument in its shortest form and within 2^53−1; undefined where there is none. */
function readUint(bytes: Uint8Array, at: number, major = UINT): number | undefined {
  const lead = bytes[at];
  if (lead === undefined || (lead & 0xe0) !== major) return undefined;
  const info = lead & 0x1f;
  if (info < 24) return info;
  if (info > 27) return undefined;
  const width = 1 << (info - 24);
  if (at + width >= bytes.length) return undefined;
  let value = 0;
  for (let i = 1; i <= width; i += 1) value = value * 0x100 + (bytes[at + i] ?? 0);
  return uintLength(value) === width + 1 && value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}

function startsWith(bytes: Uint8Array, part: Uint8Array, at: number): boolean {
  if (bytes.length < at + part.length) return false;
  for (let i = 0; i < part.length; i += 1) if (bytes[at + i] !== part[i]) return false;
  return true;
}
