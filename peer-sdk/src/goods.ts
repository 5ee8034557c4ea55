/** What was bought. */
export class Goods {
  /** Media type. */
  readonly type: string;
  readonly bytes: Uint8Array;

  constructor(type: string, bytes: Uint8Array) {
    this.type = type;
    this.bytes = bytes;
  }

  /** The goods as UTF-8 text. */
  text(): string {
    return new TextDecoder().decode(this.bytes);
  }
}
