/** What we need of a key service: the root's signature, and data keys wrapped under a context. */

export interface RootKey {
  /** x and y of the P-256 root, 32 bytes each. */
  publicKey(): Promise<{ readonly x: Uint8Array; readonly y: Uint8Array }>;
  /** ES256: r and s of 32 bytes each over at most 4096 bytes. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/** Names the purpose that a data key serves; unwrapping needs the same. */
export type WrappingContext = Readonly<Record<string, string>>;

export interface KeyWrapper {
  /** A new 32-byte data key, plain and wrapped. */
  generate(context: WrappingContext): Promise<{ readonly plain: Uint8Array; readonly wrapped: Uint8Array }>;
  /** The plain data key. Throws where the context differs or the bytes were altered. */
  unwrap(wrapped: Uint8Array, context: WrappingContext): Promise<Uint8Array>;
}

export interface KeyService {
  readonly root: RootKey;
  readonly wrapper: KeyWrapper;
}
