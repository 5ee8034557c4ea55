/**
 * A file of a log: a header, groups, and at its end a seal, beyond which there are only zeros. Numbers are big-endian.
 *
 * | part | bytes |
 * | --- | --- |
 * | header | `LEPTALOG`, format (4), number of the file (8), marker (8, random), CRC-32 of all this (4) |
 * | group | marker, length of its records (4), CRC-32 of them that begins with the length (4), records |
 * | record | length (4), its bytes |
 * | seal | marker, 0 (4), `SEAL` (4) |
 *
 * A group is what one write makes durable. The next group, or the seal, is written only after that: so where a marker follows,
 * all before it was durable, and what is broken there was damaged. Where none follows, a crash has cut the write short.
 * Nobody but us knows the marker, so nothing that is kept can imitate one.
 */
import { crc32 } from "node:zlib";

export const HEADER = 32;
export const GROUP = 16;
export const RECORD = 4;
export const SEAL = 16;
export const MARKER = 8;

const MAGIC = Buffer.from("LEPTALOG");
const FORMAT = 1;
const SEALED = Buffer.from("SEAL").readUInt32BE();

/** The first bytes of a file. */
export function headerOf(number: number, marker: Uint8Array): Uint8Array {
  const header = Buffer.alloc(HEADER);
  header.set(MAGIC);
  header.writeUInt32BE(FORMAT, 8);
  header.writeBigUInt64BE(BigInt(number), 12);
  header.set(marker, 20);
  header.writeUInt32BE(crc32(header.subarray(0, 28)), 28);
  return header;
}

/** The last bytes of a file. */
export function sealOf(marker: Uint8Array): Uint8Array {
  const seal = Buffer.alloc(SEAL);
  seal.set(marker);
  seal.writeUInt32BE(SEALED, 12);
  return seal;
}

/** Completes a group whose records stand behind the room for its head. */
export function closeGroup(group: Buffer, marker: Uint8Array): void {
  const length = group.length - GROUP;
  group.set(marker);
  group.writeUInt32BE(length, 8);
  group.writeUInt32BE(crc32(group.subarray(GROUP), length), 12);
}

/** What is in a file; `unborn` where a crash has cut its making short, and a text where it is damaged. */
export type Reading = "unborn" | { readonly damage: string } | Segment;

export interface Segment {
  readonly marker: Uint8Array;
  readonly records: readonly Uint8Array[];
  /** Up to where it is whole, without the seal. */
  readonly end: number;
  readonly isSealed: boolean;
}

/** Reads a file. Only the last one of a log may be unborn or have no seal, and lose what a crash has cut short. */
export function readSegment(file: Uint8Array, number: number, isLast: boolean): Reading {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length);
  if (!isHeader(bytes)) return isLast && isUnborn(bytes) ? "unborn" : { damage: "it is no log of ours" };
  const format = bytes.readUInt32BE(8);
  if (format !== FORMAT) return { damage: `it has format ${format}, and this version reads ${FORMAT}` };
  if (bytes.readBigUInt64BE(12) !== BigInt(number)) return { damage: "it is another file of this log" };
  const marker = bytes.subarray(20, 20 + MARKER);
  const records: Uint8Array[] = [];
  let end = HEADER;
  for (;;) {
    if (isSeal(bytes, end, marker)) {
      if (!isZero(bytes.subarray(end + SEAL))) return { damage: "something follows its end" };
      return { marker: marker.slice(), records, end, isSealed: true };
    }
    const group = groupAt(bytes, end, marker);
    if (group === undefined) break;
    if (!takeRecords(group, records)) return { damage: `a group at ${end} is not made of records` };
    end += GROUP + group.length;
  }
  // What was written after it proves that it was whole once.
  if (bytes.indexOf(marker, end + 1) !== -1)
    return { damage: `the bytes at ${end} are not those that were written` };
  if (!isLast) return { damage: "its end is missing" };
  return { marker: marker.slice(), records, end, isSealed: false };
}

const isHeader = (bytes: Buffer): boolean =>
  bytes.length >= HEADER &&
  bytes.subarray(0, MAGIC.length).equals(MAGIC) &&
  bytes.readUInt32BE(28) === crc32(bytes.subarray(0, 28));

/** A file is made whole, and durable, before anything else is written to it. */
function isUnborn(bytes: Buffer): boolean {
  const start = bytes.subarray(0, MAGIC.length);
  const isOurs = isZero(start) || start.equals(MAGIC.subarray(0, start.length));
  return isOurs && isZero(bytes.subarray(HEADER));
}

const isSeal = (bytes: Buffer, at: number, marker: Buffer): boolean =>
  at + SEAL <= bytes.length &&
  bytes.subarray(at, at + MARKER).equals(marker) &&
  bytes.readUInt32BE(at + 8) === 0 &&
  bytes.readUInt32BE(at + 12) === SEALED;

/** The records of the group that stands here whole. */
function groupAt(bytes: Buffer, at: number, marker: Buffer): Buffer | undefined {
  if (at + GROUP > bytes.length || !bytes.subarray(at, at + MARKER).equals(marker)) return undefined;
  const length = bytes.readUInt32BE(at + 8);
  if (length === 0 || at + GROUP + length > bytes.length) return undefined;
  const body = bytes.subarray(at + GROUP, at + GROUP + length);
  return bytes.readUInt32BE(at + 12) === crc32(body, length) ? body : undefined;
}

function takeRecords(group: Buffer, into: Uint8Array[]): boolean {
  let at = 0;
  while (at + RECORD < group.length) {
    const end = at + RECORD + group.readUInt32BE(at);
    if (end === at + RECORD || end > group.length) return false;
    // A copy: who keeps one record shall not keep the file.
    into.push(new Uint8Array(group.subarray(at + RECORD, end)));
    at = end;
  }
  return at === group.length;
}

function isZero(bytes: Buffer): boolean {
  // Compared with itself, one byte on: as fast as memory is.
  return bytes.length === 0 || (bytes[0] === 0 && bytes.subarray(1).equals(bytes.subarray(0, -1)));
}
