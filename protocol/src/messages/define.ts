/** What every signed message has in common, and how a type of message is defined. */

import { limits } from "../core-limits.ts";
import { isRefusal, type Or, refuse } from "../errors.ts";
import {
  type Codec,
  decodeAs,
  encodeAs,
  type Field,
  type Fields,
  field,
  refined,
  type Struct,
  struct,
  time,
  txn,
  uid,
  uint,
  word,
} from "../schema.ts";

/** The protocol's version, and the external data of every signature and seal. */
export const VERSION = 1;

/** The address of whoever answers: the first hello goes out before the other side's UID is known. */
export const ANYBODY = "A".repeat(43);

const common = {
  version: field(1, uint(VERSION, VERSION)),
  network: field(2, uid),
  type: field(3, word("")),
  from: field(4, uid),
  to: field(5, uid),
  txn: field(6, txn),
  issuedAt: field(7, time),
} as const;

const withExpiry = { ...common, expiresAt: field(8, time) } as const;

/** The fields with which every signed message begins (section 3 of the protocol). */
export interface Header {
  readonly version: number;
  /** Thumbprint of the broker's root key. */
  readonly network: string;
  readonly from: string;
  readonly to: string;
  /** Chosen by the initiator; with its UID it names the transaction. */
  readonly txn: string;
  /** Milliseconds. */
  readonly issuedAt: number;
}

/** A request expires; an answer, a notice and a statement never do. */
export type Kind = "request" | "answer" | "notice";

/** A type of message: its name, its bounds, and the codec of its payload (section 3 of the protocol). */
export interface MessageType<N extends string = string, K extends Kind = Kind, F extends Fields = Fields> {
  readonly name: N;
  readonly kind: K;
  readonly mediaType: string;
  /** Bytes of the whole message as it travels. */
  readonly limit: number;
  /** Its sealed plaintext is padded to a multiple of this many bytes. */
  readonly paddingStep: number;
  /** The fields beyond the common ones. */
  readonly fields: F;
  readonly codec: Codec<Struct<Fields>>;
}

/** The content of a message: the common fields and its own. */
export type Payload<M> =
  M extends MessageType<infer N, infer K, infer F>
    ? Header & { readonly type: N } & (K extends "request" ? { readonly expiresAt: number } : unknown) &
        Struct<F>
    : never;

/** A payload that is not encoded yet: version and type follow from the message type. */
export type Draft<M> =
  M extends MessageType<string, infer K, infer F>
    ? Omit<Header, "version"> & (K extends "request" ? { readonly expiresAt: number } : unknown) & Struct<F>
    : never;

/** Defines a type of message; its own fields have keys from 10. */
export function message<const N extends string, const K extends Kind, const F extends Fields>(
  name: N,
  kind: K,
  fields: F,
  limit: number = limits.messageBytes,
  paddingStep: number = limits.paddingStep,
): MessageType<N, K, F> {
  const type: Field<N, false> = field(3, word(name));
  const head = kind === "request" ? withExpiry : common;
  const all = struct({ ...head, type, ...fields }) as unknown as Codec<Struct<Fields>>;
  const codec = refined(all, hasReasonWhenRefused, "a decision with the wrong reason");
  return { name, kind, mediaType: `application/lepta.${name}+cbor`, limit, paddingStep, fields, codec };
}

/** A refusal names its reason, and nothing else does. */
const hasReasonWhenRefused = ({ ok, reason }: Struct<Fields> & { ok?: unknown; reason?: unknown }): boolean =>
  ok === undefined || (ok === true) === (reason === undefined);

/** The bytes to be signed. */
export function encodePayload<M extends MessageType>(type: M, draft: Draft<M>): Uint8Array {
  return encodeAs(type.codec as Codec<unknown>, { ...(draft as object), version: VERSION, type: type.name });
}

/** The content of signed bytes, or `malformed`. Verify the signature over these same bytes. */
export function decodePayload<M extends MessageType>(type: M, bytes: Uint8Array): Or<Payload<M>> {
  if (bytes.length > type.limit) return refuse("too-large");
  const payload = decodeAs(type.codec, bytes);
  return isRefusal(payload) ? payload : (payload as unknown as Payload<M>);
}
