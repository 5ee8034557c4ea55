/** Lies in replies: their content damaged, or their values exchanged and signed by whoever signs such replies. */
import {
  brokerscripChange,
  type Cbor,
  concat,
  contentCodec,
  decodeAs,
  decodeCbor,
  decodePayload,
  encodeAs,
  encodePayload,
  isErrorCode,
  isRefusal,
  type MessageType,
  messageByMediaType,
  type OpeningKey,
  orThrow,
  readEncrypt,
  readSign1,
  type SigningKey,
  type Suite,
  sign1,
} from "@lepta/protocol";
import { given } from "../../peer-sdk/support/hand.ts";
import { exchanged, exchangedInside, type Pool } from "./exchange.ts";
import { mutated, padded, seedOf } from "./mutate.ts";
import type { Draw } from "./random.ts";
import { SIGN1_LEAD, typeOf } from "./replay.ts";

export interface Liar {
  readonly suite: Suite;
  /** Of whoever reads the reply. */
  readonly opening: OpeningKey;
  /** By their ids: of a lying merchant, and of a broker whose operational keys have leaked. */
  readonly signers: ReadonlyMap<string, SigningKey>;
  readonly pool: Pool;
  readonly draw: Draw;
}

/** What a good seal holds, damaged; what was only signed is damaged as it travels. */
export async function damagedContent(liar: Liar, reply: Uint8Array): Promise<Uint8Array> {
  const { type, plaintext, isSealed } = await opened(liar, reply);
  const content = mutated(liar.draw, [seedOf(plaintext)]).slice();
  return isSealed ? sealedAgain(liar, reply, padded(liar.draw, content, type.paddingStep)) : content;
}

/** A well-signed lie, and whether the code `internal` or one of no table is part of it. */
export async function lied(
  liar: Liar,
  reply: Uint8Array,
): Promise<{ bytes: Uint8Array; saysInternal: boolean }> {
  const { draw } = liar;
  let saysInternal = false;
  const lie = async (signed: Uint8Array): Promise<Uint8Array> => {
    const { kid, contentType, payload } = orThrow(readSign1(signed));
    const key = given(liar.signers.get(kid), "a key that signs replies");
    const inside = contentType === brokerscripChange.mediaType && draw.below(3) === 0;
    const body = draw.below(3) === 0 ? exchangedInside(draw, payload, liar.pool) : undefined;
    const told = body ?? (inside ? await withLiesInside(payload) : exchanged(draw, payload, liar.pool));
    saysInternal ||= namesNoCode(told);
    return sign1(key, kid, contentType, told);
  };
  /** M4 and M5 travel inside M3. */
  const withLiesInside = async (payload: Uint8Array): Promise<Uint8Array> => {
    const change = orThrow(decodePayload(brokerscripChange, payload));
    const { authorization, escrow } = change;
    if (authorization === undefined || escrow === undefined) return exchanged(draw, payload, liar.pool);
    const isM4 = draw.below(2) === 0;
    const other = isM4 ? { authorization: await lie(authorization) } : { escrow: await inSeal(escrow) };
    return encodePayload(brokerscripChange, { ...change, ...other } as Parameters<
      typeof encodePayload<typeof brokerscripChange>
    >[1]);
  };
  const inSeal = async (sealed: Uint8Array): Promise<Uint8Array> => {
    const { type, plaintext } = await opened(liar, sealed);
    const content = orThrow(decodeAs(contentCodec, plaintext));
    const { signed, attachments = [] } = content;
    const isAttached = attachments.length > 0 && draw.below(2) === 0;
    const told = isAttached
      ? { ...content, attachments: await Promise.all(attachments.map((each) => lie(each))) }
      : { ...content, signed: await lie(signed) };
    return sealedAgain(liar, sealed, paddedWell(encodeAs(contentCodec, told), type.paddingStep));
  };
  const bytes = reply[0] === SIGN1_LEAD ? await lie(reply) : await inSeal(reply);
  return { bytes, saysInternal };
}

/** What is inside of a good reply, and its type. */
async function opened(
  { opening }: Liar,
  reply: Uint8Array,
): Promise<{ type: MessageType; plaintext: Uint8Array; isSealed: boolean }> {
  const type = given(messageByMediaType.get(typeOf(reply) ?? ""), "type");
  if (reply[0] === SIGN1_LEAD) return { type, plaintext: reply, isSealed: false };
  const padding = orThrow(await opening.open(orThrow(readEncrypt(reply))));
  return { type, plaintext: padding.slice(0, padding.lastIndexOf(0x80)), isSealed: true };
}

async function sealedAgain(
  { suite, opening, draw }: Liar,
  reply: Uint8Array,
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  const key = orThrow(await suite.sealingKey(opening.publicKey));
  return key.seal(typeOf(reply) ?? "", plaintext, (length) => draw.bytes(length));
}

const paddedWell = (bytes: Uint8Array, step: number): Uint8Array =>
  concat(bytes, new Uint8Array([0x80]), new Uint8Array(step - 1 - (bytes.length % step)));

/** Whether a decision's reason is `internal`, or no code of the table. */
function namesNoCode(payload: Uint8Array): boolean {
  const map = decodeCbor(payload);
  if (isRefusal(map) || !(map instanceof Map)) return false;
  const reason = (map as ReadonlyMap<number, Cbor>).get(12);
  return typeof reason === "string" && (reason === "internal" || !isErrorCode(reason));
}
