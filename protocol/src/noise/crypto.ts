/** What Noise needs of a cryptographic library; SHA-256 and HMAC it takes from `hash.ts`. */
import type { AgreementKey, Awaitable } from "../suite/suite.ts";

/** What a Noise handshake asks of a cryptographic library. */
export interface NoiseCrypto {
  /** The X25519 key of 32 private bytes. */
  agreementKey(privateBytes: Uint8Array): Awaitable<AgreementKey>;
  /** AES-256-GCM under a key of 32 bytes. */
  aead(key: Uint8Array): Aead;
}

/**
 * AES-256-GCM under one key: nonces of 12 bytes, tags of 16. Where the answer comes later the nonce was copied before; all other
 * bytes must stay as they are until then.
 */
export interface Aead {
  /** After `room` bytes that are left free: ciphertext and tag. */
  seal(nonce: Uint8Array, plain: Uint8Array, room: number, bound?: Uint8Array): Awaitable<Uint8Array>;
  /** The plaintext of what stands from `offset` on, a tag at least, or undefined where it does not open. */
  open(
    nonce: Uint8Array,
    message: Uint8Array,
    offset: number,
    bound?: Uint8Array,
  ): Awaitable<Uint8Array | undefined>;
  /** Lets go of what is made again in no time: nothing is sealed or opened for a while. */
  rest?(): void;
}

export const KEY_LENGTH = 32;
export const TAG_LENGTH = 16;
const NONCE_LENGTH = 12;

/** A nonce to count with: `countTo` writes into it. */
export const newNonce = (): DataView<ArrayBuffer> => new DataView(new ArrayBuffer(NONCE_LENGTH));

/** The nonce of a message: 4 bytes of zero, then its number, 8 bytes big-endian; no key seals more than 2^32 messages. */
export function countTo(nonce: DataView, number: number): void {
  nonce.setUint32(NONCE_LENGTH - 4, number);
}
