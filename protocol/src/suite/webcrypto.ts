/** How we speak with WebCrypto. */

/** The bytes as it takes them: ours are never in shared memory. It copies them before it answers. */
export const source = (bytes: Uint8Array) => bytes as Uint8Array<ArrayBuffer>;

/** Whether it says that the numbers do not allow it: a tag that does not match, a point of low order. */
export const isOperationError = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "OperationError";
