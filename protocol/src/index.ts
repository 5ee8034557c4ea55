/** Lepta's protocol: bytes, messages and checks. No I/O, no clock, no randomness of its own. */
export { defaultNoise } from "#noise";
export * from "./core.ts";
export * from "./lane.ts";
export * from "./lane-items.ts";
export * from "./merkle.ts";
export { messageByMediaType, messages } from "./messages/index.ts";
export * from "./messages/meeting.ts";
export * from "./messages/purchase.ts";
export * from "./messages/receipt.ts";
export * from "./messages/restoring.ts";
export * from "./messages/returns.ts";
export * from "./messages/session.ts";
export * from "./messages/vendorscrip.ts";
export type { Cipher } from "./noise/cipher.ts";
export type { Aead, NoiseCrypto } from "./noise/crypto.ts";
export { type Agreed, type Handshake, type HandshakeOptions, startHandshake } from "./noise/handshake.ts";
export * from "./receipt.ts";
export * from "./statement.ts";
