/** COSE_Encrypt (RFC 9052 section 5.1) with exactly one recipient, taken apart and put together; suites do the rest. */
import { concat, idBytes, toText } from "../bytes.ts";
import { type Cbor, type CborMap, decodeCbor, encodeCbor, Tagged } from "../cbor.ts";
import { isRefusal, type Or, refuse } from "../errors.ts";
import type { Uid } from "../schema.ts";
import { header, tags } from "./labels.ts";
import { EXTERNAL } from "./sign1.ts";

/** One layer of a COSE_Encrypt: of the body or of the recipient. */
export interface Layer {
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: CborMap;
  readonly unprotectedHeader: CborMap;
  /** The body's ciphertext; the recipient's wrapped content key, empty under direct key agreement. */
  readonly content: Uint8Array;
}

/** A sealed message's parts as they came. */
export interface Sealed {
  /** The media type that the outer header claims for what is inside. */
  readonly contentType: string;
  /** The thumbprint of the recipient's sealing key. */
  readonly kid: Uid;
  readonly body: Layer;
  readonly recipient: Layer;
}

/** A layer with its header protected, or, where the algorithm authenticates no header, all of it unprotected. */
export function layer(headerMap: CborMap, content: Uint8Array, isProtected: boolean): Layer {
  return isProtected
    ? {
        protectedBytes: encodeCbor(headerMap),
        protectedHeader: headerMap,
        unprotectedHeader: new Map(),
        content,
      }
    : {
        protectedBytes: new Uint8Array(0),
        protectedHeader: new Map(),
        unprotectedHeader: headerMap,
        content,
      };
}

/** Puts a COSE_Encrypt together. */
export const writeEncrypt = (body: Layer, recipient: Layer): Uint8Array =>
  encodeCbor(new Tagged(tags.encrypt, [...layerItems(body), [layerItems(recipient)]]));

const layerItems = ({ protectedBytes, unprotectedHeader, content }: Layer): readonly Cbor[] => [
  protectedBytes,
  unprotectedHeader,
  content,
];

/** Takes a COSE_Encrypt apart, or `malformed`. */
export function readEncrypt(bytes: Uint8Array): Or<Sealed> {
  const item = decodeCbor(bytes);
  if (isRefusal(item)) return item;
  if (
    !(item instanceof Tagged) ||
    item.tag !== tags.encrypt ||
    !Array.isArray(item.value) ||
    item.value.length !== 4
  )
    return refuse("malformed", "not a COSE_Encrypt");
  const recipients = (item.value as readonly Cbor[])[3];
  if (!Array.isArray(recipients) || recipients.length !== 1) return refuse("malformed", "not one recipient");
  const body = readLayer((item.value as readonly Cbor[]).slice(0, 3));
  if (isRefusal(body)) return body;
  const recipient = readLayer((recipients as readonly Cbor[])[0]);
  if (isRefusal(recipient)) return recipient;
  const contentType = labelled(body, header.contentType);
  const kid = labelled(recipient, header.kid);
  if (typeof contentType !== "string" || !(kid instanceof Uint8Array) || kid.length !== 32)
    return refuse("malformed", "header of a sealed message");
  return { contentType, kid: toText(kid), body, recipient };
}

/** Enc_structure: what the content cipher authenticates besides the content. */
export const encryptionData = (protectedBytes: Uint8Array, kid: Uid): Uint8Array =>
  encodeCbor(["Encrypt", protectedBytes, concat(EXTERNAL, idBytes(kid))]);

const labelled = (from: Layer, label: number): Cbor | undefined =>
  from.protectedHeader.get(label) ?? from.unprotectedHeader.get(label);

function readLayer(value: Cbor | undefined): Or<Layer> {
  if (!Array.isArray(value) || value.length !== 3) return refuse("malformed", "layer of a sealed message");
  const [protectedBytes, unprotectedHeader, content] = value as readonly Cbor[];
  if (
    !(protectedBytes instanceof Uint8Array) ||
    !(unprotectedHeader instanceof Map) ||
    !(content instanceof Uint8Array)
  )
    return refuse("malformed", "layer of a sealed message");
  if (protectedBytes.length === 0)
    return { protectedBytes, protectedHeader: new Map(), unprotectedHeader, content };
  const protectedHeader = decodeCbor(protectedBytes);
  if (isRefusal(protectedHeader)) return protectedHeader;
  if (!(protectedHeader instanceof Map) || protectedHeader.size === 0)
    return refuse("malformed", "protected header");
  return { protectedBytes, protectedHeader, unprotectedHeader, content };
}
