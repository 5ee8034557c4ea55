/** COSE_Sign1 (RFC 9052 section 4.2) over a payload, with the external data that names this protocol. */
import { idBytes, toText, utf8 } from "../bytes.ts";
import { type Cbor, decodeCbor, encodeCbor, Tagged } from "../cbor.ts";
import { isRefusal, type Or, refuse } from "../errors.ts";
import type { Uid } from "../schema.ts";
import { header, tags } from "./labels.ts";

/** External data of every signature and, before the recipient's key id, of every seal. */
export const EXTERNAL = utf8("lepta/1");

/** A signature's parts as they came: nothing is verified yet. */
export interface Sign1 {
  readonly alg: number;
  readonly contentType: string;
  /** The signer's UID, or the id of the broker's operational key. */
  readonly kid: Uid;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** The bytes that the signature is over. */
  readonly toBeSigned: Uint8Array;
}

interface Signer {
  readonly alg: number;
  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** Signs the payload. `kid` names the key, `contentType` the message. */
export async function sign1(
  signer: Signer,
  kid: Uid,
  contentType: string,
  payload: Uint8Array,
): Promise<Uint8Array> {
  const { protectedHeader, signature } = await signed(signer, kid, contentType, payload);
  return encodeCbor(new Tagged(tags.sign1, [protectedHeader, new Map(), payload, signature]));
}

/** Signs the payload and leaves it out (RFC 9052 section 2): it travels beside its signatures. */
export async function sign1Detached(
  signer: Signer,
  kid: Uid,
  contentType: string,
  payload: Uint8Array,
): Promise<Uint8Array> {
  const { protectedHeader, signature } = await signed(signer, kid, contentType, payload);
  return encodeCbor(new Tagged(tags.sign1, [protectedHeader, new Map(), null, signature]));
}

async function signed(signer: Signer, kid: Uid, contentType: string, payload: Uint8Array) {
  const protectedHeader = encodeCbor(
    new Map<number, Cbor>([
      [header.alg, signer.alg],
      [header.contentType, contentType],
      [header.kid, idBytes(kid)],
    ]),
  );
  return { protectedHeader, signature: await signer.sign(structure(protectedHeader, payload)) };
}

/** Takes a COSE_Sign1 apart, or `malformed`; one without its payload with the payload that travelled beside it. */
export function readSign1(bytes: Uint8Array, detached?: Uint8Array): Or<Sign1> {
  const item = decodeCbor(bytes);
  if (isRefusal(item)) return item;
  if (
    !(item instanceof Tagged) ||
    item.tag !== tags.sign1 ||
    !Array.isArray(item.value) ||
    item.value.length !== 4
  )
    return refuse("malformed", "not a COSE_Sign1");
  const [protectedHeader, unprotected, included, signature] = item.value as readonly Cbor[];
  if (detached !== undefined && included !== null) return refuse("malformed", "a payload twice");
  const payload = detached ?? included;
  if (
    !(protectedHeader instanceof Uint8Array) ||
    !(payload instanceof Uint8Array) ||
    !(signature instanceof Uint8Array)
  )
    return refuse("malformed", "not a COSE_Sign1");
  if (!(unprotected instanceof Map) || unprotected.size !== 0)
    return refuse("malformed", "unprotected header");
  const head = decodeCbor(protectedHeader);
  if (isRefusal(head)) return head;
  if (!(head instanceof Map) || head.size !== 3) return refuse("malformed", "protected header");
  const alg = head.get(header.alg);
  const contentType = head.get(header.contentType);
  const kid = head.get(header.kid);
  if (
    typeof alg !== "number" ||
    typeof contentType !== "string" ||
    !(kid instanceof Uint8Array) ||
    kid.length !== 32
  )
    return refuse("malformed", "protected header");
  return {
    alg,
    contentType,
    kid: toText(kid),
    payload,
    signature,
    toBeSigned: structure(protectedHeader, payload),
  };
}

const structure = (protectedHeader: Uint8Array, payload: Uint8Array): Uint8Array =>
  encodeCbor(["Signature1", protectedHeader, EXTERNAL, payload]);
