/** Values exchanged for others of their kind, so that what comes out is well-formed and only means something else. */
import { concat, encodeCbor } from "@lepta/protocol";
import type { Draw } from "./random.ts";
import { type Span, spansOf } from "./spans.ts";

/** Values by their kind. */
export type Pool = ReadonlyMap<string, readonly Uint8Array[]>;

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

/** Numbers at the borders, and both truths. */
const BORDERS =
  "00 01 17 1818 18ff 190100 1a00010000 1affffffff 1b0000000100000000 1b001ffffffffffffe 1b001fffffffffffff";

/** All parts of these items, and what stands at the borders of their kinds. */
export function poolOf(items: readonly Uint8Array[]): Pool {
  const pool = new Map<string, Uint8Array[]>();
  const add = (bytes: Uint8Array, span: Span): void => {
    const kind = kindOf(bytes, span);
    pool.set(kind, [...(pool.get(kind) ?? []), bytes.slice(span.start, span.end)]);
  };
  for (const item of items) for (const span of spansOf(item).slice(1)) add(item, span);
  for (const text of [...BORDERS.split(" "), "f4", "f5", "60", "61ff", "6345555a", "63555344"]) {
    const bytes = hex(text);
    add(bytes, { start: 0, end: bytes.length });
  }
  return pool;
}

/** One to three values of the item exchanged; now and then one is left out or stands twice. */
export function exchanged(draw: Draw, item: Uint8Array, pool: Pool): Uint8Array {
  let bytes = item;
  for (let left = 1 + draw.below(3); left > 0; left -= 1) {
    const span = draw.pick(spansOf(bytes).slice(1));
    if (span === undefined) return bytes;
    const others = pool.get(kindOf(bytes, span)) ?? [bytes.slice(span.start, span.end)];
    bytes = concat(bytes.subarray(0, span.start), draw.pick(others), bytes.subarray(span.end));
  }
  return bytes;
}

/** One value exchanged inside a map that stands in a byte string, as a scrip's body does; undefined where there is none. */
export function exchangedInside(draw: Draw, item: Uint8Array, pool: Pool): Uint8Array | undefined {
  const bodies = spansOf(item).filter((span) => isEmbeddedMap(item, span));
  if (bodies.length === 0) return undefined;
  const { start, end } = draw.pick(bodies);
  const body = item.subarray(contentAt(item, start), end);
  const span = draw.pick(spansOf(body).slice(1));
  if (span === undefined) return undefined;
  const others = pool.get(kindOf(body, span)) ?? [body.slice(span.start, span.end)];
  const told = concat(body.subarray(0, span.start), draw.pick(others), body.subarray(span.end));
  return concat(item.subarray(0, start), encodeCbor(told), item.subarray(end));
}

const isEmbeddedMap = (bytes: Uint8Array, { start, end }: Span): boolean => {
  const at = contentAt(bytes, start);
  return (bytes[start] ?? 0) >> 5 === 2 && at < end && (bytes[at] ?? 0) >> 5 === 5;
};

/** Where a string's content begins: behind its head. */
const contentAt = (bytes: Uint8Array, start: number): number =>
  start + 1 + ([1, 2, 4, 8][((bytes[start] ?? 0) & 31) - 24] ?? 0);

/** Numbers are one kind, true and false another; strings, arrays and maps go by their size where they are short. */
function kindOf(bytes: Uint8Array, { start, end }: Span): string {
  const major = (bytes[start] ?? 0) >> 5;
  if (major === 2) return end - start <= 40 ? `2 ${end - start}` : "2";
  return major === 4 || major === 5 ? `${major} ${bytes[start]}` : `${major}`;
}
