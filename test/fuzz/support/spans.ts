/** Where the items of a CBOR value begin and end, read by a hand of its own: what stands whole is exchanged whole. */

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** All items of well-formed bytes, the outermost first; of others, those before the place where they go wrong. */
export function spansOf(bytes: Uint8Array): readonly Span[] {
  const spans: { start: number; end: number }[] = [];
  item(0);
  return spans;

  function item(start: number): number {
    const span = { start, end: bytes.length };
    spans.push(span);
    const lead = bytes[start] ?? 0;
    const width = [1, 2, 4, 8][(lead & 31) - 24] ?? 0;
    let argument = width === 0 ? lead & 31 : 0;
    for (let i = 1; i <= width; i += 1) argument = argument * 256 + (bytes[start + i] ?? 0);
    let at = start + 1 + width;
    const major = lead >> 5;
    if (major === 2 || major === 3) at += argument;
    const parts = major === 4 ? argument : major === 5 ? argument * 2 : major === 6 ? 1 : 0;
    for (let i = 0; i < parts && at < bytes.length; i += 1) at = item(at);
    span.end = Math.min(at, bytes.length);
    return span.end;
  }
}
