/** Noise on node:crypto: every answer is there at once, for every message of a session passes here. */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { agreementKey } from "../suite/x25519.ts";
import { type Aead, type NoiseCrypto, TAG_LENGTH } from "./crypto.ts";

/** What Noise needs, from node:crypto in Node and from WebCrypto in browsers. */
export const nodeNoise: NoiseCrypto = {
  agreementKey,
  aead: (key) => new NodeAead(key),
};

class NodeAead implements Aead {
  /** One character for each byte: a merchant has two for each customer who is connected, and arrays take six times as much. */
  readonly #bytes: string;
  #key: KeyObject | undefined;

  constructor(key: Uint8Array) {
    this.#bytes = Buffer.from(key).toString("latin1");
  }

  rest(): void {
    this.#key = undefined;
  }

  seal(nonce: Uint8Array, plain: Uint8Array, room: number, bound?: Uint8Array): Uint8Array {
    const cipher = createCipheriv("aes-256-gcm", this.#imported(), nonce);
    if (bound !== undefined) cipher.setAAD(bound);
    const message = Buffer.allocUnsafe(room + plain.length + TAG_LENGTH);
    message.set(cipher.update(plain), room);
    cipher.final();
    message.set(cipher.getAuthTag(), room + plain.length);
    return message;
  }

  open(nonce: Uint8Array, message: Uint8Array, offset: number, bound?: Uint8Array): Uint8Array | undefined {
    const border = message.length - TAG_LENGTH;
    const decipher = createDecipheriv("aes-256-gcm", this.#imported(), nonce);
    if (bound !== undefined) decipher.setAAD(bound);
    decipher.setAuthTag(message.subarray(border));
    const plain = decipher.update(message.subarray(offset, border));
    try {
      decipher.final();
      return plain;
    } catch {
      // The tag does not match.
      return undefined;
    }
  }

  /** Raw bytes in its place cost four times as much with each message. */
  #imported(): KeyObject {
    this.#key ??= createSecretKey(this.#bytes, "latin1");
    return this.#key;
  }
}
