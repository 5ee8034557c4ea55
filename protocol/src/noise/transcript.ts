/** The secrets and the transcript of a handshake: Noise's SymmetricState with SHA-256. */
import { concat } from "../bytes.ts";
import { type Or, refuse } from "../errors.ts";
import { hmacSha256, sha256 } from "../hash.ts";
import { type Aead, countTo, KEY_LENGTH, type NoiseCrypto, newNonce, TAG_LENGTH } from "./crypto.ts";

const EMPTY = new Uint8Array(0);

export class Transcript {
  readonly #crypto: NoiseCrypto;
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #aead: Aead | undefined;
  /** Messages under the key of the moment. */
  #count = 0;

  /** The protocol's name is of at most 32 bytes: it stands in place of its hash. */
  constructor(crypto: NoiseCrypto, protocolName: Uint8Array) {
    this.#crypto = crypto;
    this.#hash = concat(protocolName, new Uint8Array(KEY_LENGTH - protocolName.length));
    this.#chainingKey = this.#hash;
  }

  /** 32 bytes that stand for all that was said. */
  get hash(): Uint8Array {
    return this.#hash;
  }

  mixHash(data: Uint8Array): void {
    this.#hash = sha256(this.#hash, data);
  }

  mixKey(secret: Uint8Array): void {
    const [chainingKey, key] = expand(this.#chainingKey, secret);
    this.#chainingKey = chainingKey;
    this.#aead = this.#crypto.aead(key);
    this.#count = 0;
  }

  /** What goes out: sealed as soon as there is a key, and bound to all that was said before. */
  async seal(plain: Uint8Array): Promise<Uint8Array> {
    const sealed =
      this.#aead === undefined ? plain : await this.#aead.seal(this.#nonce(), plain, 0, this.#hash);
    this.mixHash(sealed);
    return sealed;
  }

  /** What came in, or `malformed`, `unauthentic`. */
  async open(sealed: Uint8Array): Promise<Or<Uint8Array>> {
    const plain = this.#aead === undefined ? sealed : await this.#open(this.#aead, sealed);
    this.mixHash(sealed);
    return plain;
  }

  /** How many bytes sealing adds at this moment. */
  get overhead(): number {
    return this.#aead === undefined ? 0 : TAG_LENGTH;
  }

  /** The keys of the two directions: the initiator's, then the responder's. */
  split(): readonly [Uint8Array, Uint8Array] {
    return expand(this.#chainingKey, EMPTY);
  }

  async #open(aead: Aead, sealed: Uint8Array): Promise<Or<Uint8Array>> {
    if (sealed.length < TAG_LENGTH) return refuse("malformed", "shorter than a tag");
    return (await aead.open(this.#nonce(), sealed, 0, this.#hash)) ?? refuse("unauthentic");
  }

  #nonce(): Uint8Array {
    const nonce = newNonce();
    countTo(nonce, this.#count);
    this.#count += 1;
    return new Uint8Array(nonce.buffer);
  }
}

/** Noise's HKDF with two outputs. */
function expand(chainingKey: Uint8Array, secret: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const key = hmacSha256(chainingKey, secret);
  const first = hmacSha256(key, Uint8Array.of(1));
  return [first, hmacSha256(key, first, Uint8Array.of(2))];
}
