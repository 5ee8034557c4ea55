/** What happens to good bytes on their way to a decoder: damage without a plan, and damage that knows CBOR. */
import type { Draw } from "./random.ts";
import { type Span, spansOf } from "./spans.ts";

/** A good input with the places of its items. */
export interface Seed {
  readonly bytes: Uint8Array;
  readonly spans: readonly Span[];
}

export const seedOf = (bytes: Uint8Array): Seed => ({ bytes, spans: spansOf(bytes) });

/**
 * One to four changes to one of the seeds; the others lend it parts. What comes out is a view that the next call writes
 * over: who keeps it copies it, and a decoder that hands out parts of its input is found out.
 */
export function mutated(draw: Draw, seeds: readonly Seed[]): Uint8Array {
  const seed = draw.pick(seeds);
  length = seed.bytes.length;
  scratch.set(seed.bytes);
  // What knows the items comes first: it needs them where they were.
  const isPlanned = draw.below(2) === 0;
  if (isPlanned) draw.pick(planned)(draw, seed, draw.pick(seeds));
  for (let left = isPlanned ? draw.below(2) : 1 + draw.below(3); left > 0; left -= 1)
    draw.pick(unplanned)(draw, draw.pick(seeds).bytes);
  return scratch.subarray(0, length);
}

/** A plaintext with the padding that a seal wants, or, now and then, nearly so. */
export function padded(draw: Draw, bytes: Uint8Array, step: number): Uint8Array {
  const out = new Uint8Array(Math.floor(bytes.length / step + 1) * step);
  out.set(bytes);
  out[bytes.length] = draw.below(50) === 0 ? draw.below(256) : 0x80;
  return draw.below(50) === 0 ? out.slice(1) : out;
}

/** Where changes are made in place: an allocation for each would cost more than most decoders. */
const scratch = new Uint8Array(128 * 1024);
let length = 0;

/** Puts bytes in the place of those from `start` to `end`; where that would be too long, nothing changes. */
function replace(start: number, end: number, by: Uint8Array): void {
  const stop = Math.min(end, length);
  if (length - (stop - start) + by.length > scratch.length) return;
  scratch.copyWithin(start + by.length, stop, length);
  scratch.set(by, start);
  length += by.length - (stop - start);
}

type Unplanned = (draw: Draw, other: Uint8Array) => void;
type Planned = (draw: Draw, seed: Seed, other: Seed) => void;

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

/** Heads at the borders of CBOR's integers, of our own and of what a length may claim. */
const HEADS: readonly Uint8Array[] = `
  00 17 1800 1817 1818 18ff 190000 1900ff 190100 19ffff 1a00000000 1a00010000 1affffffff 1b0000000000000000
  1b0000000100000000 1b001fffffffffffff 1b0020000000000000 1bffffffffffffffff 20 37 3818 3affffffff 3b001ffffffffffffe
  3b001fffffffffffff 3bffffffffffffffff 40 5820 5f 60 7f 80 9f a0 bf d2 d860 f4 f5 f6 f7 f90000 fb7ff0000000000000 ff`
  .trim()
  .split(/\s+/)
  .map(hex);

/** Heads of every major type with a length or a tag, that claim far more than there is. */
const CLAIMS: readonly Uint8Array[] = [2, 3, 4, 5, 6].flatMap((major) =>
  ["18ff", "19ffff", "1a7fffffff", "1affffffff", "1b001fffffffffffff", "1bffffffffffffffff"].map((text) =>
    hex(text).map((byte, i) => (i === 0 ? byte | (major << 5) : byte)),
  ),
);

/** Nests of arrays, maps and tags, from harmless to deeper than any decoder should go. */
const NESTS: readonly Uint8Array[] = ["81", "a100", "d2", "9f", "c1"].flatMap((text) =>
  [1, 2, 3, 5, 6, 7, 8, 9, 64, 512].map((count) => hex(text.repeat(count))),
);

const NOTHING = new Uint8Array(0);

const unplanned: readonly Unplanned[] = [
  (draw) => change(draw, (byte) => byte ^ (1 << draw.below(8))),
  (draw) => change(draw, (byte) => byte ^ (1 << draw.below(8))),
  (draw) => change(draw, () => draw.below(256)),
  (draw) => change(draw, (byte) => byte + (draw.below(2) ? 1 : 255)),
  (draw) => {
    length = draw.below(length + 1);
  },
  (draw) => insert(draw, draw.bytes(1 + draw.below(8))),
  (draw) => insert(draw, draw.pick(HEADS)),
  (draw) => insert(draw, draw.pick(CLAIMS)),
  (draw) => {
    const place = draw.below(length + 1);
    replace(place, place + 1 + draw.below(16), NOTHING);
  },
  (draw) => {
    const place = draw.below(length + 1);
    replace(place, place, scratch.slice(place, Math.min(length, place + 1 + draw.below(40))));
  },
  // A piece of another input behind the head of this one.
  (draw, other) => replace(draw.below(length + 1), length, other.subarray(draw.below(other.length + 1))),
];

const planned: readonly Planned[] = [
  (draw, { spans }) => exchange(draw.pick(spans), draw.pick(HEADS)),
  (draw, { spans }) => exchange(draw.pick(spans), draw.pick(HEADS)),
  (draw, { spans }) => exchange(draw.pick(spans), NOTHING),
  // A head that claims more than there is, before what it is to hold.
  (draw, { spans }) => {
    const { start } = draw.pick(spans);
    replace(start, start + draw.below(2), draw.pick(CLAIMS));
  },
  (draw, { spans }, other) => {
    const { start, end } = draw.pick(other.spans);
    exchange(draw.pick(spans), other.bytes.subarray(start, end));
  },
  // Two items change places: values under each other's keys, keys out of their order.
  (draw, { bytes, spans }) => {
    const [a, b] = [draw.pick(spans), draw.pick(spans)];
    const [one, two] = a.start <= b.start ? [a, b] : [b, a];
    if (one.end > two.start) return;
    exchange(two, bytes.subarray(one.start, one.end));
    exchange(one, bytes.subarray(two.start, two.end));
  },
  (draw, { bytes, spans }) => {
    const { start, end } = draw.pick(spans);
    replace(end, end, bytes.subarray(start, end));
  },
  (draw, { spans }) => {
    const { start } = draw.pick(spans);
    replace(start, start, draw.pick(NESTS));
  },
  // A string's inside, changed without its length: hashes, identifiers and texts are read to their end.
  (draw, { spans }) => {
    const { start, end } = draw.pick(spans);
    const place = start + draw.below(end - start + 1);
    if (place < length) scratch[place] = draw.below(256);
  },
];

const exchange = ({ start, end }: Span, by: Uint8Array): void => replace(start, end, by);

function change(draw: Draw, to: (byte: number) => number): void {
  if (length === 0) return;
  const place = draw.below(length);
  scratch[place] = to(scratch[place] ?? 0);
}

function insert(draw: Draw, what: Uint8Array): void {
  const place = draw.below(length + 1);
  replace(place, place, what);
}
