/** What a vector file holds, and how its messages are judged: by what stands in the file alone. */
import {
  decodeCbor,
  defaultSuite,
  type ErrorCode,
  isExpired,
  isRefusal,
  type MessageType,
  messageByMediaType,
  type OpenedOf,
  type Or,
  openMessage,
  orThrow,
  readMessage,
  refuse,
  Tagged,
  type Uid,
  verifyMessage,
} from "@lepta/protocol";

export interface Bad {
  readonly description: string;
  readonly hex: string;
  readonly code: ErrorCode;
}

/** All byte strings in hex, all identifiers and digests in base64url, times in milliseconds. */
export interface Vector {
  readonly name: string;
  readonly mediaType: string;
  readonly kind: MessageType["kind"];
  readonly network: Uid;
  readonly from: Uid;
  readonly to: Uid;
  /** The recipient's clock. */
  readonly now: number;
  readonly keys: {
    /** The COSE_Key that the signature is checked with, and the id that it signs under. */
    readonly signer: { readonly kid: Uid; readonly publicKey: string };
    /** The X25519 private key that opens the seal; null where this message is never sealed by itself. */
    readonly recipient: { readonly kid: Uid; readonly privateKey: string } | null;
    /** Who signs the same payload a second time. */
    readonly counterSigner?: { readonly kid: Uid; readonly publicKey: string };
  };
  /** The field that says what the message belongs to, and what it must say here. */
  readonly reference: { readonly field: ReferenceField; readonly value: string };
  readonly good: {
    readonly description: string;
    /** As it travels. */
    readonly hex: string;
    readonly payloadHex: string;
    readonly digest: string;
    /** The second signature, a COSE_Sign1 over the same payload. */
    readonly counterSignedHex?: string;
  };
  readonly bad: readonly Bad[];
}

/** A message that was made. */
export interface Example {
  readonly signed: Uint8Array;
  /** As it travels: sealed, or as it was signed where it is never sealed. */
  readonly bytes: Uint8Array;
  readonly digest: string;
  /** The other party's signature over the same payload. */
  readonly counterSigned?: Uint8Array;
}

/** The first of these that a message has is what ties it to another; every message has the last. */
export const referenceFields = ["request", "part", "purchase", "subject", "previous", "txn"] as const;
export type ReferenceField = (typeof referenceFields)[number];

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

export function typeOf(vector: Pick<Vector, "mediaType">): MessageType {
  const type = messageByMediaType.get(vector.mediaType);
  if (type === undefined) throw new TypeError(`no message has the media type ${vector.mediaType}`);
  return type;
}

type AnyOpened = OpenedOf<MessageType>;

/** The vector's recipient: what it makes of bytes that come to it. */
export interface Judge {
  /** As it travels → read. */
  open(bytes: Uint8Array): Promise<Or<AnyOpened>>;
  /** Read → verified. */
  verify(opened: AnyOpened): Promise<Or<AnyOpened>>;
  /** As it travels → verified, of the right reference, in time. */
  judge(bytes: Uint8Array): Promise<Or<AnyOpened>>;
}

export async function makeJudge(vector: Vector): Promise<Judge> {
  const type = typeOf(vector);
  const { signer, recipient } = vector.keys;
  const opening = recipient && (await defaultSuite.openingKey(fromHex(recipient.privateKey)));
  const key = orThrow(await defaultSuite.verifyingKey(fromHex(signer.publicKey)));
  const { from, to, network, now } = vector;
  const open: Judge["open"] = async (bytes) =>
    opening === null
      ? readMessage(bytes, [type])
      : openMessage(bytes, [type], (kid) => (kid === opening.id ? opening : undefined));
  const verify: Judge["verify"] = (opened) =>
    verifyMessage(opened, { key, kid: signer.kid, from, to, network, now });
  const judge: Judge["judge"] = async (bytes) => {
    const opened = await open(bytes);
    if (isRefusal(opened)) return opened;
    const verified = await verify(opened);
    if (isRefusal(verified)) return verified;
    const reference = checkReference(verified.payload, vector.reference);
    if (isRefusal(reference)) return reference;
    const { expiresAt } = verified.payload as { readonly expiresAt?: number };
    return expiresAt !== undefined && isExpired({ expiresAt }, now) ? refuse("expired") : verified;
  };
  return { open, verify, judge };
}

/** The good message of a vector, for those that embed or name it. */
export async function exampleOf(vector: Vector): Promise<Example> {
  const bytes = fromHex(vector.good.hex);
  const { signed } = orThrow(await (await makeJudge(vector)).open(bytes));
  const { counterSignedHex } = vector.good;
  const counterSigned = counterSignedHex === undefined ? undefined : fromHex(counterSignedHex);
  return { signed, bytes, digest: vector.good.digest, ...(counterSigned ? { counterSigned } : {}) };
}

/** `wrong-reference` where the message belongs to something else than expected. */
export function checkReference(payload: unknown, { field, value }: Vector["reference"]): Or<string> {
  const found = (payload as Readonly<Record<string, unknown>>)[field];
  return found === value ? value : refuse("wrong-reference", field);
}

/** The items of a COSE_Sign1. */
export function sign1Items(signed: Uint8Array): {
  readonly protectedHeader: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
} {
  const item = decodeCbor(signed);
  if (!(item instanceof Tagged) || !Array.isArray(item.value)) throw new TypeError("not a COSE_Sign1");
  const [protectedHeader, , payload, signature] = item.value as readonly unknown[];
  if (
    !(protectedHeader instanceof Uint8Array) ||
    !(payload instanceof Uint8Array) ||
    !(signature instanceof Uint8Array)
  )
    throw new TypeError("not a COSE_Sign1");
  return { protectedHeader, payload, signature };
}
