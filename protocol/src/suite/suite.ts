/** What a suite of algorithms offers. Keys are objects that keep their imported form: importing costs as much as using. */
import type { Sealed } from "../cose/encrypt.ts";
import type { Or } from "../errors.ts";
import type { Uid } from "../schema.ts";

export type Awaitable<T> = T | Promise<T>;

/** Random bytes from a port. */
export type Random = (length: number) => Uint8Array;

export type SuiteName = "default" | "figure-4";

interface Key {
  /** The encoded COSE_Key. */
  readonly publicKey: Uint8Array;
  /** Its thumbprint. */
  readonly id: Uid;
}

/** Makes signatures. */
export interface SigningKey extends Key {
  readonly alg: number;
  sign(data: Uint8Array): Awaitable<Uint8Array>;
}

/** Checks signatures of one algorithm. */
export interface VerifyingKey extends Key {
  readonly alg: number;
  verify(data: Uint8Array, signature: Uint8Array): Awaitable<boolean>;
}

/** Seals to its owner. */
export interface SealingKey extends Key {
  /** A COSE_Encrypt whose outer header carries the content type and this key's id. */
  seal(contentType: string, plaintext: Uint8Array, random: Random): Awaitable<Uint8Array>;
}

/** A Diffie–Hellman key of a Noise handshake: X25519. */
export interface AgreementKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The shared secret, 32 bytes, with a public key of 32 bytes; `malformed` where they share none. */
  agree(theirs: Uint8Array): Awaitable<Or<Uint8Array>>;
}

/** Opens what was sealed to it. */
export interface OpeningKey extends Key {
  /** This key in a Noise handshake; a suite without it has no sessions. */
  readonly agreement?: AgreementKey;
  /** Whether a seal that opens proves that nothing in it was altered. CBC does not: then what is found inside is not told. */
  readonly authenticates: boolean;
  /** The plaintext, or `unauthentic`. */
  open(sealed: Sealed): Awaitable<Or<Uint8Array>>;
  /** A proof towards the owner of `verifier` that we hold this key's private half, bound to `context`. */
  provePossession(verifier: SealingKey, context: Uint8Array): Awaitable<Uint8Array>;
  /** Whether a proof holds that was made towards this key by the owner of `prover`. */
  checkPossession(prover: SealingKey, context: Uint8Array, proof: Uint8Array): Awaitable<boolean>;
}

/** A private key as an object, whose bytes nobody can read, and its public half, the encoded COSE_Key. */
export interface KeyHandle {
  readonly key: CryptoKey;
  readonly publicKey: Uint8Array;
}

/** Private keys as objects, for a platform that keeps such: WebCrypto's, imported so that they cannot be exported. */
export interface KeyHandles {
  /** From private bytes of the suite. Throws where they are none. */
  importSigning(privateBytes: Uint8Array): Promise<KeyHandle>;
  importOpening(privateBytes: Uint8Array): Promise<KeyHandle>;
  /** Throws where the handle is of a key for something else. */
  signingKey(handle: KeyHandle): SigningKey;
  openingKey(handle: KeyHandle): OpeningKey;
}

export interface Suite {
  readonly name: SuiteName;
  /** Private bytes of a new signing key. */
  createSigningKey(random: Random): Awaitable<Uint8Array>;
  /** Private bytes of a new sealing key. */
  createSealingKey(random: Random): Awaitable<Uint8Array>;
  /** Where this platform keeps private keys as objects. */
  readonly handles?: KeyHandles;
  signingKey(privateBytes: Uint8Array): Awaitable<SigningKey>;
  openingKey(privateBytes: Uint8Array): Awaitable<OpeningKey>;
  /** From an encoded COSE_Key, or `malformed`. */
  verifyingKey(publicKey: Uint8Array): Awaitable<Or<VerifyingKey>>;
  sealingKey(publicKey: Uint8Array): Awaitable<Or<SealingKey>>;
}
