/** Meeting a merchant: hello both ways, then sealed messages to the keys that its credential binds to its UID. */
import {
  ANYBODY,
  type Beside,
  type Credential,
  decodeAs,
  errorCodec,
  hello,
  isErrorCode,
  isRefusal,
  isUid,
  LeptaError,
  limits,
  type MessageType,
  type Or,
  offer,
  offerRequest,
  openMessage,
  orThrow,
  type Payload,
  readMessage,
  refuse,
  type Signed,
  sealMessage,
  toText,
  type VerifiedOf,
  type VerifyingKey,
  verifyCredential,
  verifyMessage,
} from "@lepta/protocol";
import { type Party, REQUEST_LIFE } from "../party.ts";
import type { Channel } from "../ports.ts";
import type { Customer } from "./customer.ts";

/** CBOR's major type of a map. */
const MAP_MAJOR = 5;

/** A merchant that we are connected to. */
export interface Acquaintance {
  /** Without the pin. */
  readonly url: string;
  readonly credential: Credential;
  readonly channel: Channel;
  /** Ours, of the greeting: when either ends or is revoked, we greet again. */
  readonly ours: Credential;
  /** What the merchant offered on this connection, by item: it holds until the time that the offer says. */
  readonly offers: Map<string, Offered>;
}

/** One item of an offer and how long it holds, exclusive, in milliseconds. */
export interface Offered {
  readonly item: Payload<typeof offer>["items"][number];
  readonly validUntil: number;
}

/**
 * Connects and says hello. The address may pin the merchant's UID (`wss://host/path#UID`); an address that was another
 * merchant's before is refused with `wrong-recipient`.
 */
export async function meet(customer: Customer, address: string): Promise<Acquaintance> {
  const { party, tables } = customer;
  const { url, pin } = readMerchantAddress(address);
  const channel = await customer.connect(url);
  try {
    const { ours, credential } = await exchange(party, channel);
    const expected = pin ?? (await tables.addresses.get(url));
    if (expected !== undefined && expected !== credential.uid) throw new LeptaError("wrong-recipient", url);
    await party.store.commit([
      tables.addresses.put(url, credential.uid),

      tables.merchants.put(credential.uid, { url, publicKey: credential.verifyingKey.publicKey }),
    ]);
    return {
      url,
      credential,
      channel: leavingWhenUnknown(channel),
      ours,
      offers: new Map(),
    };
  } catch (error) {
    channel.close();
    throw error;
  }
}

/** What the merchant sells, or its offer of one item. */
export async function askOffer(
  { party }: Customer,
  merchant: Acquaintance,
  sku: string | undefined,
): Promise<Payload<typeof offer>> {
  const { runtime } = party;
  const request = await party.sign(offerRequest, {
    to: merchant.credential.uid,
    txn: toText(runtime.random(16)),
    expiresAt: runtime.now() + REQUEST_LIFE,
    ...(sku === undefined ? {} : { sku }),
  });
  const [reply] = await merchant.channel.request([await sealTo(party, merchant, request)]);
  const answer = orThrow(await readReply(party, merchant.credential.verifyingKey, reply, offer));
  if (answer.payload.request !== request.digest) throw new LeptaError("wrong-reference");
  return answer.payload;
}

/** The offer of one item: the one that holds still, or a new one. Throws `unknown-item`. */
export async function offerOf(customer: Customer, merchant: Acquaintance, sku: string): Promise<Offered> {
  const known = merchant.offers.get(sku);
  if (known !== undefined && customer.party.runtime.now() < known.validUntil) return known;
  const { items, validUntil } = await askOffer(customer, merchant, sku);
  const item = items.find((each) => each.sku === sku);
  if (item === undefined) throw new LeptaError("unknown-item", sku);
  const offered = { item, validUntil };
  if (merchant.offers.size < limits.offersKept) merchant.offers.set(sku, offered);
  return offered;
}

/** Seals a message to the merchant. */
export const sealTo = (
  { runtime }: Party,
  merchant: Acquaintance,
  message: Signed<MessageType>,
  beside: Beside = {},
): Promise<Uint8Array> => sealMessage(message, merchant.credential.sealingKey, runtime.random, beside);

/** Opens a merchant's answer and checks that the merchant signed it for us; an error message becomes its refusal. */
export async function readReply<M extends MessageType>(
  party: Party,
  key: VerifyingKey,
  bytes: Uint8Array | undefined,
  type: M,
): Promise<Or<VerifiedOf<M>>> {
  if (bytes === undefined) return refuse("unreachable", "an empty answer");
  const error = readError(bytes);
  if (error !== undefined) return error;
  const { uid, network, opening } = party.identity;
  const opened = await openMessage(bytes, [type], (kid) => (kid === opening.id ? opening : undefined));
  if (isRefusal(opened)) return opened;
  const by = { key, kid: key.id, from: key.id, to: uid, network, now: party.runtime.now() };
  return verifyMessage(opened, by);
}

/** The refusal that an error message tells; undefined where the bytes are no error message. */
export function readError(bytes: Uint8Array) {
  // An error message is a map, and nothing else that a merchant sends is one: the rest need not be tried.
  if ((bytes[0] ?? 0) >> 5 !== MAP_MAJOR) return undefined;
  const error = decodeAs(errorCodec, bytes);
  return isRefusal(error) ? undefined : refuse(isErrorCode(error.code) ? error.code : "internal");
}

/** Hello both ways. A merchant may know before we do that the key which signed our credential was revoked. */
async function exchange(
  party: Party,
  channel: Channel,
): Promise<{ readonly ours: Credential; readonly credential: Credential }> {
  const ours = await party.credential();
  try {
    return { ours, credential: await greet(party, channel, ours.bytes) };
  } catch (error) {
    if (!(error instanceof LeptaError) || error.code !== "unknown-peer") throw error;
    const renewed = await refreshed(party).catch(() => ours);
    if (renewed === ours) throw error;
    return { ours: renewed, credential: await greet(party, channel, renewed.bytes) };
  }
}

async function refreshed(party: Party): Promise<Credential> {
  await party.link.refresh();
  return party.credential();
}

/** A merchant that does not know us any more, as where the key that signed our credential was revoked, is greeted anew. */
const leavingWhenUnknown = (channel: Channel): Channel => ({
  get isOpen() {
    return channel.isOpen;
  },
  request: async (messages) => {
    const replies = await channel.request(messages);
    if (replies.some((reply) => readError(reply)?.code === "unknown-peer")) channel.close();
    return replies;
  },
  close: () => channel.close(),
});

async function greet(party: Party, channel: Channel, credential: Uint8Array): Promise<Credential> {
  const { runtime, identity, link } = party;
  const txn = toText(runtime.random(16));
  const greeting = await party.sign(hello, {
    to: ANYBODY,
    txn,
    expiresAt: runtime.now() + REQUEST_LIFE,
    credential,
  });
  const [reply] = await channel.request([greeting.bytes]);
  if (reply === undefined) throw new LeptaError("unreachable", "an empty answer");
  const error = readError(reply);
  if (error !== undefined) throw new LeptaError(error.code, "hello");
  const opened = orThrow(readMessage(reply, [hello]));
  const { trust, network } = await link.keys();
  const now = runtime.now();
  const theirs = orThrow(await verifyCredential(opened.payload.credential, trust, now));
  const from = theirs.uid;
  const by = { key: theirs.verifyingKey, kid: from, from, to: identity.uid, network, now };
  const answer = orThrow(await verifyMessage(opened, by));
  if (answer.payload.txn !== txn) throw new LeptaError("wrong-reference");
  return theirs;
}

function readMerchantAddress(address: string): { readonly url: string; readonly pin: string | undefined } {
  const parsed = URL.parse(address);
  if (parsed === null || !/^wss?:$/.test(parsed.protocol) || parsed.href.length > limits.addressLength)
    throw new LeptaError("unreachable", `${address} is no ws(s) address`);
  const pin = parsed.hash.slice(1);
  if (pin !== "" && !isUid(pin)) throw new LeptaError("wrong-recipient", `${address} pins no UID`);
  parsed.hash = "";
  return { url: parsed.href, pin: pin === "" ? undefined : pin };
}
