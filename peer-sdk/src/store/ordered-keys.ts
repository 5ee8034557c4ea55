/**
 * Keys in the order of their code points, as every store lists them; JavaScript's own order is by UTF-16 units. They lie in
 * pieces, so that putting one in moves a piece and not all that come after it: in one array that was most of a purchase's commit,
 * 100 µs of it after some thousand purchases.
 */
export class OrderedKeys {
  /** None of them empty, all that is in one before all that is in the next. */
  readonly #pieces: string[][] = [];
  /** Without surrogates both orders are the same, and JavaScript's own needs no loop of ours: 30 µs of a purchase. */
  #isPlain = true;

  /** Puts in a key that is not there. */
  add(key: string): void {
    this.#isPlain &&= !SURROGATE.test(key);
    const order = this.#orderWith(key);
    const at = Math.max(0, this.#pieceOf(key, order));
    const piece = this.#pieces[at];
    if (piece === undefined) {
      this.#pieces.push([key]);
      return;
    }
    piece.splice(placeOf(piece, key, order), 0, key);
    if (piece.length > LONGEST) this.#pieces.splice(at + 1, 0, piece.splice(LONGEST / 2));
  }

  /** Takes out a key that is there. */
  remove(key: string): void {
    const order = this.#orderWith(key);
    const at = this.#pieceOf(key, order);
    const piece = this.#pieces[at];
    const place = piece === undefined ? 0 : placeOf(piece, key, order);
    if (piece?.[place] !== key) return;
    piece.splice(place, 1);
    if (piece.length === 0) this.#pieces.splice(at, 1);
  }

  /** Those from this one on, whether it is there or not. Nothing is put in or taken out meanwhile. */
  *from(key: string): Generator<string> {
    const order = this.#orderWith(key);
    const first = Math.max(0, this.#pieceOf(key, order));
    for (let at = first; at < this.#pieces.length; at += 1) {
      const piece = this.#pieces[at] ?? [];
      for (let i = at === first ? placeOf(piece, key, order) : 0; i < piece.length; i += 1)
        yield piece[i] ?? "";
    }
  }

  #orderWith(key: string): Order {
    return this.#isPlain && !SURROGATE.test(key) ? isBeforeByUnits : isBefore;
  }

  /** The last piece whose first key is not after this one; −1 where there is none. */
  #pieceOf(key: string, order: Order): number {
    let [least, most] = [0, this.#pieces.length];
    while (least < most) {
      const middle = (least + most) >> 1;
      if (order(key, this.#pieces[middle]?.[0] ?? "")) most = middle;
      else least = middle + 1;
    }
    return least - 1;
  }
}

/** A piece that grows longer than this becomes two. */
const LONGEST = 512;

/** Whether a stands before b. */
type Order = (a: string, b: string) => boolean;

/** Where a key stands, or would stand, among keys in their order. */
function placeOf(keys: readonly string[], key: string, order: Order): number {
  let [least, most] = [0, keys.length];
  while (least < most) {
    const middle = (least + most) >> 1;
    if (order(keys[middle] ?? "", key)) least = middle + 1;
    else most = middle;
  }
  return least;
}

const isBeforeByUnits: Order = (a, b) => a < b;
const SURROGATE = /[\ud800-\udfff]/;

/** Whether a stands before b. */
export function isBefore(a: string, b: string): boolean {
  const shorter = Math.min(a.length, b.length);
  let at = 0;
  while (at < shorter && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at === shorter) return a.length < b.length;
  const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
  // A surrogate stands for a code point beyond every single unit.
  return isSurrogate(left) === isSurrogate(right) ? left < right : isSurrogate(right);
}

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit < 0xe000;
