/**
 * Scrip (design section 4; the paper's sections 4 and 6): made and checked by its issuer alone, under secrets that are
 * derived from the issuer's epoch root and a salt that is kept for this one scrip and removed when it is spent.
 */
import { type Amount, amountOf } from "./amount.ts";
import { concat, equalBytes, idBytes, toText } from "./bytes.ts";
import { isRefusal, type Or, refuse } from "./errors.ts";
import { derive, hmacSha256, sha256 } from "./hash.ts";
import type { Grant, Order, Spend } from "./messages/parts.ts";
import { orderCodec, type ScripTuple } from "./messages/parts.ts";
import {
  amount,
  bytes,
  type Codec,
  decodeAs,
  encodeAs,
  field,
  optional,
  type ScripId,
  scripId,
  struct,
  time,
  tuple,
  type Uid,
  uid,
  uint,
  type Value,
  word,
} from "./schema.ts";

/** The body of a scrip: whose it is, what it is worth, until when, and what it came from (section 5 of the protocol). */
export const scripBodyCodec = struct({
  version: field(1, uint(1, 1)),
  kind: field(2, word("broker", "vendor")),
  network: field(3, uid),
  issuer: field(4, uid),
  owner: field(5, uid),
  id: field(6, scripId),
  value: field(7, amount),
  /** Exclusive, in milliseconds. */
  expiresAt: field(8, time),
  parent: optional(9, scripId),
  /** The V0 from which a VendorScrip descends; absent in V0 itself and in BrokerScrip. */
  origin: optional(10, scripId),
});
/** The body of a scrip as it was read; `expiresAt` in milliseconds is exclusive. */
export type ScripBody = Value<typeof scripBodyCodec>;

/** What the issuer alone knows of one scrip. */
export interface IssuerSecrets {
  /** 32 bytes; one per epoch, for all scrip of that epoch. */
  readonly epochRoot: Uint8Array;
  /** At least 16 random bytes; one per scrip, forgotten when it is spent. */
  readonly salt: Uint8Array;
}

/** A new scrip and the CustomerSecret of its owner. */
export interface Minted {
  readonly body: ScripBody;
  readonly grant: Grant;
  readonly customerSecret: Uint8Array;
}

/** Makes a scrip: the body, its certificate and its CustomerSecret. */
export function mint(secrets: IssuerSecrets, draft: Omit<ScripBody, "version">): Minted {
  const body: ScripBody = { version: 1, ...draft };
  const encoded = encodeAs(scripBodyCodec, body);
  const secret = customerSecret(secrets, body);
  return {
    body,
    grant: { body: encoded, certificate: certificateOf(secrets, encoded), secretHash: sha256(secret) },
    customerSecret: secret,
  };
}

/** Whether the certificate is the one that this issuer made over this body. */
export const isGenuine = (secrets: IssuerSecrets, [body, certificate]: ScripTuple): boolean =>
  equalBytes(certificateOf(secrets, body), certificate);

/** CustomerSecret = HMAC(MasterCustomerSecret, owner ‖ id). */
export const customerSecret = (
  secrets: IssuerSecrets,
  { owner, id }: Pick<ScripBody, "owner" | "id">,
): Uint8Array =>
  hmacSha256(derive(secrets.epochRoot, "MasterCustomerSecret", secrets.salt), idBytes(owner), idBytes(id));

/** pop = HMAC(CustomerSecret, body). */
export const proveSpend = (secret: Uint8Array, body: Uint8Array): Spend => [body, hmacSha256(secret, body)];

/** Whether a spend was made with this CustomerSecret. */
export const isProven = (secret: Uint8Array, [body, pop]: Spend): boolean =>
  equalBytes(hmacSha256(secret, body), pop);

/** The body of a scrip, or `malformed`. Nothing is checked yet. */
export const readScrip = (encoded: Uint8Array): Or<ScripBody> => decodeAs(scripBodyCodec, encoded);

/** The content of a spend, or `malformed`. */
export const readSpend = <T>(codec: Codec<T>, [body]: Spend): Or<T> => decodeAs(codec, body);

/** 16 bytes: the epoch (4, big-endian) and 12 that its issuer uses for no other. */
export function makeScripId(epoch: number, rest: Uint8Array): ScripId {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, epoch);
  return toText(concat(head, rest));
}

/** The V0 from which a VendorScrip descends: itself, where it is one. */
export const originOf = ({ id, origin }: Pick<ScripBody, "id" | "origin">): ScripId => origin ?? id;

/** The epoch under whose root a scrip was made. */
export function epochOf(id: ScripId): number {
  const head = idBytes(id);
  return new DataView(head.buffer, head.byteOffset).getUint32(0);
}

/** The scrip as its owner shows it. */
export const scripOf = (grant: Grant): ScripTuple => [grant.body, grant.certificate];

/** The salted hash of an order: all that the broker gets to see of it. */
export const orderHash = (salt: Uint8Array, order: Order): Uint8Array =>
  sha256(encodeAs(tuple(bytes(16), orderCodec), [salt, order]));

/** What a new scrip's holder checks before taking it: the body says what was agreed, the secret is the promised one. */
export function checkGrant(
  grant: Grant,
  secret: Uint8Array | undefined,
  expected: {
    readonly kind: "broker" | "vendor";
    readonly network: Uid;
    readonly issuer: Uid;
    readonly owner: Uid;
    readonly value?: Amount;
    /** The least expiry that was agreed, in milliseconds. */
    readonly expiresAt?: number;
    /** The scrip whose change it is; null where it is nobody's change; any when not given. */
    readonly parent?: ScripId | null;
    /** The V0 from which it descends; null where it descends from none; any when not given. */
    readonly origin?: ScripId | null;
  },
): Or<ScripBody> {
  const body = readScrip(grant.body);
  if (isRefusal(body)) return body;
  const { kind, network, issuer, owner, value, expiresAt = 0, parent, origin } = expected;
  const asAgreed =
    body.kind === kind &&
    body.network === network &&
    body.issuer === issuer &&
    body.owner === owner &&
    body.expiresAt >= expiresAt &&
    (parent === undefined || (body.parent ?? null) === parent) &&
    (origin === undefined || (body.origin ?? null) === origin) &&
    (value === undefined || (body.value.currency === value.currency && body.value.value === value.value));
  if (!asAgreed) return refuse("scrip-mismatch");
  if (secret !== undefined && !equalBytes(sha256(secret), grant.secretHash)) return refuse("bad-proof");
  return body;
}

/** An amount of no value in this currency. */
export const nothing = (currency: string): Amount => amountOf(currency, 0n);

const certificateOf = (secrets: IssuerSecrets, body: Uint8Array): Uint8Array =>
  hmacSha256(derive(secrets.epochRoot, "MasterScripSecret", secrets.salt), body);
