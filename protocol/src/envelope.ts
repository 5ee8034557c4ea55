/**
 * A message's way out and in: payload → signed → sealed, and bytes → opened → verified. The types carry the stage, so
 * that what has not been verified cannot reach a decision.
 */
import { concat, toText } from "./bytes.ts";
import { limits } from "./core-limits.ts";
import { readEncrypt } from "./cose/encrypt.ts";
import { readSign1, type Sign1, sign1 } from "./cose/sign1.ts";
import { isRefusal, type Or, type Refusal, refuse } from "./errors.ts";
import { sha256 } from "./hash.ts";
import {
  type Draft,
  decodePayload,
  encodePayload,
  type MessageType,
  type Payload,
} from "./messages/define.ts";
import { type Content, contentCodec, type Secret } from "./messages/parts.ts";
import { signedStatement } from "./messages/signed-statement.ts";
import { type Digest, decodeAs, encodeAs, type Uid } from "./schema.ts";
import type { Awaitable, OpeningKey, Random, SealingKey, SigningKey, VerifyingKey } from "./suite/suite.ts";

/** A message that its sender has signed. */
export interface Signed<M extends MessageType> {
  readonly type: M;
  /** The COSE_Sign1. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the payload: what others call this message by. */
  readonly digest: Digest;
}

/** A message that was read but whose signature nobody has checked. */
export interface Opened<M extends MessageType> {
  readonly stage: "opened" | "verified";
  readonly type: M;
  readonly payload: Payload<M>;
  readonly digest: Digest;
  /** The COSE_Sign1 as it came. */
  readonly signed: Uint8Array;
  readonly sign1: Sign1;
  readonly secrets: readonly Secret[];
  readonly attachments: readonly Uint8Array[];
  /** The seal that it came in; undefined where it came without one. */
  readonly seal: Seal | undefined;
}

/** What is known of the seal that a message came in. */
export interface Seal {
  /** The id of our key that it was sealed to. */
  readonly to: Uid;
  /** Whether it opens only where nothing was altered. */
  readonly authenticates: boolean;
}

/** The mark of a message whose signature holds. */
export interface IsVerified {
  readonly stage: "verified";
}

/** A message whose signature holds, from the sender that it names, for us. */
export type Verified<M extends MessageType> = Opened<M> & IsVerified;

/** An opened message of any type. */
export interface AnyOpened {
  readonly sign1: Sign1;
  readonly payload: Dated;
}

/** `Opened` of each type of a union. */
export type OpenedOf<M> = M extends MessageType ? Opened<M> : never;

/** `Verified` of each type of a union. */
export type VerifiedOf<M> = OpenedOf<M> & IsVerified;

/** What travels beside a signed message inside the seal. */
export interface Beside {
  readonly secrets?: readonly Secret[];
  readonly attachments?: readonly Uint8Array[];
}

/** The key with this id, where we hold it. */
export type KeyRing = (kid: Uid) => Awaitable<OpeningKey | undefined>;

/** Signs a message. `kid` is the sender's UID, or the id of the broker's operational key. */
export async function signMessage<M extends MessageType>(
  type: M,
  draft: Draft<M>,
  key: SigningKey,
  kid: Uid = key.id,
): Promise<Signed<M>> {
  const payload = encodePayload(type, draft);
  return { type, bytes: await sign1(key, kid, type.mediaType, payload), digest: digestOf(payload) };
}

/** Seals a signed message to the owner of `key`, padded so that its length tells little. */
export async function sealMessage(
  message: { readonly type: MessageType; readonly bytes: Uint8Array },
  key: SealingKey,
  random: Random,
  beside: Beside = {},
): Promise<Uint8Array> {
  const content: Content = {
    signed: message.bytes,
    ...(beside.secrets?.length ? { secrets: beside.secrets } : {}),
    ...(beside.attachments?.length ? { attachments: beside.attachments } : {}),
  };
  return key.seal(
    message.type.mediaType,
    pad(encodeAs(contentCodec, content), message.type.paddingStep),
    random,
  );
}

/** Opens sealed bytes and reads the message in them, which must be of one of the accepted types. */
export async function openMessage<M extends MessageType>(
  bytes: Uint8Array,
  accepted: readonly M[],
  keys: KeyRing,
): Promise<Or<OpenedOf<M>>> {
  if (bytes.length > Math.max(...accepted.map(sealedLimit))) return refuse("too-large");
  const sealed = readEncrypt(bytes);
  if (isRefusal(sealed)) return sealed;
  const type = accepted.find((each) => each.mediaType === sealed.contentType);
  if (type === undefined) return refuse("wrong-type", sealed.contentType);
  if (bytes.length > sealedLimit(type)) return refuse("too-large");
  const key = await keys(sealed.kid);
  if (key === undefined) return refuse("unauthentic", "no key with this id");
  const padded = await key.open(sealed);
  if (isRefusal(padded)) return padded;
  const seal = { to: sealed.kid, authenticates: key.authenticates };
  const message = readContent(padded, type as M, seal);
  return isRefusal(message) ? blind(seal, message) : message;
}

/**
 * What may be told of a message before its signature is known to hold: under a cipher that anyone may alter, what was
 * wrong inside would tell about the plaintext, a padding oracle.
 */
export const blind = (seal: Seal | undefined, refusal: Refusal): Refusal =>
  seal !== undefined && !seal.authenticates ? refuse("unauthentic") : refusal;

function readContent<M extends MessageType>(padded: Uint8Array, type: M, seal: Seal): Or<OpenedOf<M>> {
  const plaintext = unpad(padded, type.paddingStep);
  if (isRefusal(plaintext)) return plaintext;
  const content = decodeAs(contentCodec, plaintext);
  if (isRefusal(content)) return content;
  return readMessage(content.signed, [type], content, seal);
}

/** Reads a signed message, which must be of one of the accepted types. Nothing is verified yet. */
export function readMessage<M extends MessageType>(
  signed: Uint8Array,
  accepted: readonly M[],
  beside: Beside = {},
  seal?: Seal,
): Or<OpenedOf<M>> {
  const fits = (limit: number): boolean => signed.length <= limit + limits.signatureBytes;
  if (!fits(Math.max(...accepted.map((type) => type.limit)))) return refuse("too-large");
  const parts = readSign1(signed);
  if (isRefusal(parts)) return parts;
  const type = accepted.find((each) => each.mediaType === parts.contentType);
  if (type === undefined) return refuse("wrong-type", parts.contentType);
  if (!fits(type.limit)) return refuse("too-large");
  const payload = decodePayload(type, parts.payload);
  if (isRefusal(payload)) return payload;
  const opened = {
    stage: "opened",
    type,
    payload,
    digest: digestOf(parts.payload),
    signed,
    sign1: parts,
    secrets: beside.secrets ?? [],
    attachments: beside.attachments ?? [],
    seal,
  };
  return opened as unknown as OpenedOf<M>;
}

/** Who must have signed, and for whom. */
export interface Expected {
  readonly key: VerifyingKey;
  /** The id under which the key signs: the sender's UID, or that of an operational key. */
  readonly kid: Uid;
  readonly from: Uid;
  readonly to: Uid;
  readonly network: Uid;
  /** Our clock, in milliseconds. */
  readonly now: number;
}

/** Checks who signed, for which network and recipient, and that the message is not from the future. */
export async function verifyMessage<O extends AnyOpened>(
  opened: O,
  { key, kid, from, to, network, now }: Expected,
): Promise<Or<O & IsVerified>> {
  const { sign1: parts } = opened;
  const payload: Dated = opened.payload;
  if (parts.alg !== key.alg || parts.kid !== kid || payload.from !== from)
    return refuse("unauthentic", "other signer");
  if (!(await key.verify(parts.toBeSigned, parts.signature))) return refuse("unauthentic", "signature");
  if (payload.network !== network) return refuse("wrong-network");
  if (payload.to !== to) return refuse("wrong-recipient");
  if (!isSoundlyDated(payload, now)) return refuse("future-dated");
  return { ...opened, stage: "verified" };
}

/** Whether a message is dated no further ahead than clocks may differ, and, where it expires, lives no longer than allowed. */
export function isSoundlyDated({ issuedAt, expiresAt = issuedAt }: Dates, now: number): boolean {
  if (issuedAt > now + limits.clockSkew) return false;
  return expiresAt >= issuedAt && expiresAt - issuedAt <= limits.requestLife;
}

/** Whether a request came at or after its `expiresAt`, which is exclusive. */
export const isExpired = (payload: { readonly expiresAt: number }, now: number): boolean =>
  now >= payload.expiresAt;

/** What stands for an entry of a batch: the digest of its payload or statement, or of the entry where it is neither. */
export function entryDigest(entry: Uint8Array): Uint8Array {
  const parts = readSign1(entry);
  if (!isRefusal(parts)) return sha256(parts.payload);
  const signed = decodeAs(signedStatement, entry);
  return sha256(isRefusal(signed) ? entry : signed.statement);
}

/** SHA-256 of a signed payload. */
export const digestOf = (payload: Uint8Array): Digest => toText(sha256(payload));

/** The common fields that verification looks at. */
interface Dated extends Dates {
  readonly from: Uid;
  readonly to: Uid;
  readonly network: Uid;
}

/** When a message was signed, and when it expires, where it does; in milliseconds. */
interface Dates {
  readonly issuedAt: number;
  readonly expiresAt?: number;
}

/** Bytes of a sealed message of this type at most. */
export const sealedLimit = (type: MessageType): number => type.limit + SEAL_BYTES;

/** What sealing adds to a message at most: headers, padding, what travels beside it. */
const SEAL_BYTES = 8 * 1024;

const PAD_MARK = 0x80;

/** ISO/IEC 7816-4: a mark, then zeros up to the next step. */
function pad(bytes: Uint8Array, step: number): Uint8Array {
  const length = Math.floor(bytes.length / step + 1) * step;
  return concat(bytes, new Uint8Array([PAD_MARK]), new Uint8Array(length - bytes.length - 1));
}

function unpad(bytes: Uint8Array, step: number): Or<Uint8Array> {
  if (bytes.length % step !== 0) return refuse("malformed", "padding");
  let end = bytes.length - 1;
  while (end > 0 && bytes[end] === 0) end -= 1;
  if (bytes[end] !== PAD_MARK || bytes.length - end > step) return refuse("malformed", "padding");
  return bytes.subarray(0, end);
}
