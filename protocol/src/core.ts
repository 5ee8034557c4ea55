/**
 * What every peer needs from the start. The package itself offers more: sessions, lanes and their statements, receipts, what
 * brings money back. Whoever imports only this door does not have them loaded.
 */
export { defaultSuite } from "#platform";
export * from "./amount.ts";
export * from "./broker-keys.ts";
export * from "./bytes.ts";
export { type Cbor, decodeCbor, encodeCbor, Tagged } from "./cbor.ts";
export { limits } from "./core-limits.ts";
export { readEncrypt } from "./cose/encrypt.ts";
export { decodeKey, encodeP256, thumbprint } from "./cose/key.ts";
export { algorithm } from "./cose/labels.ts";
export { readSign1, sign1, sign1Detached } from "./cose/sign1.ts";
export * from "./credential.ts";
export * from "./envelope.ts";
export * from "./errors.ts";
export { derive, hmacSha256, sha256 } from "./hash.ts";
export * from "./messages/brokerscrip.ts";
export * from "./messages/define.ts";
export * from "./messages/error.ts";
export * from "./messages/keys.ts";
export * from "./messages/parts.ts";
export * from "./messages/signed-statement.ts";
export * from "./schema.ts";
export * from "./scrip.ts";
export { derSignature, rawSignature } from "./suite/der.ts";
export type * from "./suite/suite.ts";
