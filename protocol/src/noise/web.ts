/** Noise on WebCrypto, for browsers: every answer comes later. */
import { isOperationError, source } from "../suite/webcrypto.ts";
import { agreementKey } from "../suite/x25519-web.ts";
import { type Aead, type NoiseCrypto, TAG_LENGTH } from "./crypto.ts";

/** What Noise needs, from WebCrypto. */
export const webNoise: NoiseCrypto = {
  agreementKey,
  aead: (key) => new WebAead(key),
};

class WebAead implements Aead {
  readonly #key: Promise<CryptoKey>;

  constructor(key: Uint8Array) {
    this.#key = crypto.subtle.importKey("raw", source(key), "AES-GCM", false, ["encrypt", "decrypt"]);
  }

  async seal(nonce: Uint8Array, plain: Uint8Array, room: number, bound?: Uint8Array): Promise<Uint8Array> {
    const algorithm = gcm(nonce, bound);
    const sealed = await crypto.subtle.encrypt(algorithm, await this.#key, source(plain));
    const message = new Uint8Array(room + sealed.byteLength);
    message.set(new Uint8Array(sealed), room);
    return message;
  }

  async open(
    nonce: Uint8Array,
    message: Uint8Array,
    offset: number,
    bound?: Uint8Array,
  ): Promise<Uint8Array | undefined> {
    const algorithm = gcm(nonce, bound);
    try {
      return new Uint8Array(
        await crypto.subtle.decrypt(algorithm, await this.#key, source(message.subarray(offset))),
      );
    } catch (error) {
      // The tag does not match.
      if (isOperationError(error)) return undefined;
      throw error;
    }
  }
}

/** The nonce is copied before anybody waits: its owner goes on counting in it. */
const gcm = (nonce: Uint8Array, bound: Uint8Array | undefined) => ({
  name: "AES-GCM",
  iv: Uint8Array.from(nonce),
  tagLength: 8 * TAG_LENGTH,
  ...(bound === undefined ? {} : { additionalData: source(bound) }),
});
