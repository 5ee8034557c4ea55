/** What was bought. */
export class Goods {
  /** Media type. */
  readonly type: string;
  /** At most `limits.deliveryBytes`. */
  readonly bytes: Uint8Array;

  /** Goods of a media type; a handler of a catalogue may return them. */
  constructor(type: string, bytes: Uint8Array) {
    this.type = type;
    this.bytes = bytes;
  }

  /** The goods as UTF-8 text. */
  text(): string {
    return new TextDecoder().decode(this.bytes);
  }
}
