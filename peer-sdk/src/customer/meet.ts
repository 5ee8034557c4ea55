/** Meeting a merchant: hello both ways, then sealed messages to the keys that its credential binds to its UID. */
import {
  ANYBODY,
  type Beside,
  type Credential,
  contentCodec,
  decodeAs,
  errorCodec,
  hello,
  isErrorCode,
  isRefusal,
  isUid,
  LeptaError,
  limits,
  type MessageType,
  multiply,
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
import { hasSessions, type Party, REQUEST_LIFE } from "../party.ts";
import type { Channel } from "../ports.ts";
import { took } from "../watch.ts";
import type { Acquaintance, Met, Offered } from "./acquaintance.ts";
import type { Bargain } from "./bought.ts";
import type { Customer } from "./customer.ts";
import { openSession } from "./lanes/open-session.ts";

/** CBOR's major type of a map. */
const MAP_MAJOR = 5;

/** Where a merchant is, and who it must be. */
export interface MerchantAddress {
  /** Without the pin. */
  readonly url: string;
  readonly pin: string | undefined;
}

/**
 * Connects, opens a session, or says hello where there can be none, and takes up the lanes that are open with this merchant. An
 * address that was another merchant's before is refused with `wrong-recipient`.
 */
export async function meet(customer: Customer, address: MerchantAddress): Promise<Acquaintance> {
  const { party } = customer;
  try {
    return await meetOnce(customer, address);
  } catch (error) {
    // A merchant may know before we do that the key which signed our credential was revoked.
    if (!(error instanceof LeptaError) || error.code !== "unknown-peer") throw error;
    const before = await party.credential();
    const renewed = await refreshed(party).catch(() => before);
    if (renewed === before) throw error;
    return meetOnce(customer, address);
  }
}

async function meetOnce(customer: Customer, { url, pin }: MerchantAddress): Promise<Acquaintance> {
  const { party, tables } = customer;
  const channel = await customer.connect(url);
  try {
    const expected = pin ?? (await tables.addresses.get(url));
    const isExpected = (uid: string): void => {
      if (expected !== undefined && expected !== uid) throw new LeptaError("wrong-recipient", url);
    };
    const met: Met =
      channel.wire !== undefined && hasSessions(party)
        ? await openSession(customer, channel.wire, isExpected)
        : { ...(await greet(party, channel)), session: undefined };
    const { credential } = met;
    isExpected(credential.uid);
    await party.store.commit([
      tables.addresses.put(url, credential.uid),
      tables.merchants.put(credential.uid, { url, publicKey: credential.verifyingKey.publicKey }),
    ]);
    const acquaintance: Acquaintance = {
      ...met,
      url,
      channel: leavingWhenUnknown(channel),
      offers: new Map(),
      asking: new Map(),
    };
    if (acquaintance.session !== undefined) await acquaintance.session.resumeLanes();
    return acquaintance;
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

/** The offer of one item that holds still, where we have one. */
export function knownOffer({ party }: Customer, { offers }: Acquaintance, sku: string): Offered | undefined {
  const known = offers.get(sku);
  return known !== undefined && party.runtime.now() < known.validUntil ? known : undefined;
}

/** The offer of one item: the one that holds still, or a new one, which many who want it at once ask for once. Throws `unknown-item`. */
export async function offerOf(customer: Customer, merchant: Acquaintance, sku: string): Promise<Offered> {
  const known = knownOffer(customer, merchant, sku);
  if (known !== undefined) return known;
  const asked = merchant.asking.get(sku);
  if (asked !== undefined) return asked;
  const asking = newOffer(customer, merchant, sku).finally(() => merchant.asking.delete(sku));
  merchant.asking.set(sku, asking);
  return asking;
}

async function newOffer(customer: Customer, merchant: Acquaintance, sku: string): Promise<Offered> {
  const { items, validUntil, statementBelow } = await askOffer(customer, merchant, sku);
  const item = items.find((each) => each.sku === sku);
  if (item === undefined) throw new LeptaError("unknown-item", sku);
  const offered: Offered = { item, validUntil, statementBelow, orders: new Map() };
  if (merchant.offers.size < limits.offersKept) merchant.offers.set(sku, offered);
  return offered;
}

/** What so many of an item are and cost. Throws `amount-overflow`. */
export function orderOf({ item, orders }: Offered, quantity: number): Bargain {
  const known = orders.get(quantity);
  if (known !== undefined) return known;
  const { sku, description, unitPrice } = item;
  const bargain = {
    order: { sku, description, unitPrice, quantity },
    price: orThrow(multiply(unitPrice, quantity)),
  };
  if (orders.size < limits.offersKept) orders.set(quantity, bargain);
  return bargain;
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
  return took(party.watch, by.now, await verifyMessage(opened, by));
}

/** The same of an answer that a session carries and seals by itself. */
export async function readContent<M extends MessageType>(
  party: Party,
  key: VerifyingKey,
  bytes: Uint8Array,
  type: M,
): Promise<Or<VerifiedOf<M>>> {
  const content = decodeAs(contentCodec, bytes);
  // Nearly always it is no error.
  if (isRefusal(content)) return readError(bytes) ?? content;
  const opened = readMessage(content.signed, [type], content);
  if (isRefusal(opened)) return opened;
  const { uid, network } = party.identity;
  const by = { key, kid: key.id, from: key.id, to: uid, network, now: party.runtime.now() };
  return took(party.watch, by.now, await verifyMessage(opened, by));
}

/** The refusal that an error message tells; undefined where the bytes are no error message. */
export function readError(bytes: Uint8Array) {
  // An error message is a map, and nothing else that a merchant sends is one: the rest need not be tried.
  if ((bytes[0] ?? 0) >> 5 !== MAP_MAJOR) return undefined;
  const error = decodeAs(errorCodec, bytes);
  return isRefusal(error) ? undefined : refuse(isErrorCode(error.code) ? error.code : "internal");
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

/** Hello both ways. */
async function greet(
  party: Party,
  channel: Channel,
): Promise<{ readonly ours: Credential; readonly credential: Credential }> {
  const { runtime, identity, link } = party;
  const ours = await party.credential();
  const txn = toText(runtime.random(16));
  const greeting = await party.sign(hello, {
    to: ANYBODY,
    txn,
    expiresAt: runtime.now() + REQUEST_LIFE,
    credential: ours.bytes,
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
  return { ours, credential: theirs };
}

/** Takes an address apart, which may pin the merchant's UID (`wss://host/path#UID`). Throws `unreachable`, `wrong-recipient`. */
export function readMerchantAddress(address: string): MerchantAddress {
  const parsed = URL.parse(address);
  if (parsed === null || !/^wss?:$/.test(parsed.protocol) || parsed.href.length > limits.addressLength)
    throw new LeptaError("unreachable", `${address} is no ws(s) address`);
  const pin = parsed.hash.slice(1);
  if (pin !== "" && !isUid(pin)) throw new LeptaError("wrong-recipient", `${address} pins no UID`);
  parsed.hash = "";
  return { url: parsed.href, pin: pin === "" ? undefined : pin };
}
