/** One customer's connection: hello first, then sealed messages under the credential that it brought. */
import {
  ANYBODY,
  type AnyOpened,
  amountOf,
  blind,
  type Content,
  contentCodec,
  decodeAs,
  type ErrorCode,
  hello,
  holdingsRequest,
  type IsVerified,
  isExpired,
  isOver,
  isRefusal,
  type KnownPeer,
  knownBy,
  LeptaError,
  limits,
  type Or,
  offer,
  offerRequest,
  openMessage,
  purchaseRequest,
  readMessage,
  refundRequest,
  refuse,
  renewalRequest,
  type Seal,
  sealMessage,
  type Txn,
  type Verified,
  type VerifiedOf,
  vendorscripRequest,
  verifyCredential,
  verifyMessage,
} from "@lepta/protocol";
import { HANDSHAKE } from "../channel/frame.ts";
import { errorMessage, type Visit } from "../channel/serve.ts";
import { hasSessions, type Party, REQUEST_LIFE } from "../party.ts";
import type { Wire } from "../ports.ts";
import { took } from "../watch.ts";
import { attendSession } from "./lanes/attend.ts";
import { refundVendorScrip } from "./refund-vendorscrip.ts";
import { renewVendorScrip } from "./renew-vendorscrip.ts";
import { sellItem, sellItemInSession } from "./sell-item.ts";
import { sellVendorScrip } from "./sell-vendorscrip.ts";
import type { FromCustomer, Shop } from "./shop.ts";
import { showHoldings } from "./show-holdings.ts";

/** A COSE_Sign1 begins with tag 18; everything else that we take is sealed. */
const SIGN1_LEAD = 0xd2;
/** Room in a frame of answers for its head and for the errors of messages that are not taken. */
const FRAME_RESERVE = 16 * 1024;
/** Of one message in a frame, at most. */
const MESSAGE_HEAD = 5;
/** How long an offer holds, in milliseconds. */
const OFFER_LIFE = 10 * 60 * 1000;

/** Who is at the other end of a connection: all that is kept of it while nothing happens. */
interface Guest {
  customer: KnownPeer | undefined;
  /** A handshake that is under way: what comes meanwhile waits for it. */
  meeting: Promise<void> | undefined;
}

/** A visit: each message of a frame is answered in its turn; a bad one is answered with an error and ends nothing else. */
export function createVisit(shop: Shop): Visit {
  const guest: Guest = { customer: undefined, meeting: undefined };
  const visit = (messages: readonly Uint8Array[]) => answerAll(shop, guest, messages);
  if (!hasSessions(shop.party)) return visit;
  return Object.assign(visit, { attach: (wire: Wire) => attach(shop, guest, wire) });
}

async function answerAll(
  shop: Shop,
  guest: Guest,
  messages: readonly Uint8Array[],
): Promise<readonly Uint8Array[]> {
  await guest.meeting;
  const answers: Uint8Array[] = [];
  let room = limits.frameBytes - FRAME_RESERVE;
  for (const [i, bytes] of messages.entries()) {
    // What the answers would be too long or too many for is told to come again, without being looked at.
    const isTaken = room > 0 && i < limits.requestMessages;
    const answer = isTaken
      ? await attend(shop, guest, bytes).catch((error: unknown) => fault(shop, error))
      : refuse("busy");
    const encoded = isRefusal(answer) ? [errorMessage(answer.code)] : answer;
    const length = encoded.reduce((sum, each) => sum + each.length + MESSAGE_HEAD, 0);
    answers.push(...(length <= room || i === 0 ? encoded : [errorMessage("busy")]));
    room -= length;
  }
  return answers;
}

/** A handshake on this connection: what it says of the customer counts for frames, too. */
function attach(shop: Shop, guest: Guest, wire: Wire): void {
  wire.listen({
    message: (first) => {
      if (first[0] !== HANDSHAKE) return wire.close();
      guest.meeting = attendSession(shop, wire, first, answerContent)
        .then((who) => {
          guest.customer = who;
        })
        .catch((error: unknown) => {
          // Whatever a stranger sends is its own fault.
          if (!(error instanceof LeptaError)) shop.onError(error);
          wire.close();
        })
        .finally(() => {
          guest.meeting = undefined;
        });
    },
    closed: () => {},
  });
}

/** A signed message that the session carries, answered in the same way. */
async function answerContent(shop: Shop, bytes: Uint8Array, who: KnownPeer): Promise<Uint8Array> {
  const content = decodeAs(contentCodec, bytes);
  try {
    const answer = isRefusal(content) ? content : await attendSigned(shop, content, who);
    return isRefusal(answer) ? errorMessage(answer.code) : answer;
  } catch (error) {
    shop.onError(error);
    return errorMessage("internal");
  }
}

async function attendSigned(shop: Shop, content: Content, who: KnownPeer): Promise<Or<Uint8Array>> {
  const opened = readMessage(content.signed, [purchaseRequest], content);
  if (isRefusal(opened)) return opened;
  const message = await verifyFrom(shop, opened, who);
  return isRefusal(message) ? message : sellItemInSession(shop, { message, customer: who });
}

function fault(shop: Shop, error: unknown): Or<readonly Uint8Array[]> {
  shop.onError(error);
  return refuse("internal");
}

async function attend(shop: Shop, guest: Guest, bytes: Uint8Array): Promise<Or<readonly Uint8Array[]>> {
  if (bytes[0] === SIGN1_LEAD) return greet(shop, guest, bytes);
  const { identity } = shop.party;
  const opened = await openMessage(bytes, ACCEPTED, (kid) =>
    kid === identity.opening.id ? identity.opening : undefined,
  );
  if (isRefusal(opened)) return opened;
  // As it is now: another hello may come while the signature is checked.
  const who = guest.customer;
  if (who === undefined || opened.payload.from !== who.uid) return blind(opened.seal, refuse("unknown-peer"));
  const message = await verifyFrom(shop, opened, who);
  return isRefusal(message) ? message : serve(shop, message, who);
}

export async function verifyFrom<O extends AnyOpened & { readonly seal: Seal | undefined }>(
  shop: Shop,
  opened: O,
  who: KnownPeer,
): Promise<Or<O & IsVerified>> {
  const { link, runtime, identity } = shop.party;
  const now = runtime.now();
  if (isOver(who, link.trust(), now)) return blind(opened.seal, refuse("unknown-peer"));
  const { uid, network } = identity;
  const by = { key: who.verifyingKey, kid: who.uid, from: who.uid, to: uid, network, now };
  return took(shop.party.watch, now, await verifyMessage(opened, by));
}

async function greet({ party }: Shop, guest: Guest, bytes: Uint8Array): Promise<Or<readonly Uint8Array[]>> {
  const greeting = await recognise(party, bytes);
  if (isRefusal(greeting)) return greeting;
  const { customer, txn } = greeting;
  guest.customer = customer;
  const answer = await party.sign(hello, {
    to: customer.uid,
    txn,
    expiresAt: party.runtime.now() + REQUEST_LIFE,
    credential: (await party.credential()).bytes,
  });
  return [answer.bytes];
}

/** Who says hello: its credential holds, and so does its signature. */
export async function recognise(
  party: Party,
  bytes: Uint8Array,
): Promise<Or<{ readonly customer: KnownPeer; readonly txn: Txn }>> {
  const opened = readMessage(bytes, [hello]);
  if (isRefusal(opened)) return opened;
  const trust = party.link.trust();
  const now = party.runtime.now();
  const credential = await verifyCredential(opened.payload.credential, trust, now);
  if (isRefusal(credential)) return refuse("unknown-peer", credential.detail);
  const { uid, network } = party.identity;
  const from = credential.uid;
  const to = opened.payload.to === uid ? uid : ANYBODY;
  const greeting = await verifyMessage(opened, {
    key: credential.verifyingKey,
    kid: from,
    from,
    to,
    network,
    now,
  });
  if (isRefusal(greeting)) return greeting;
  if (isExpired(greeting.payload, now)) return refuse("expired");
  return { customer: knownBy(credential), txn: greeting.payload.txn };
}

/** What customers send sealed. */
const ACCEPTED = [
  offerRequest,
  vendorscripRequest,
  purchaseRequest,
  renewalRequest,
  refundRequest,
  holdingsRequest,
] as const;
type Accepted = VerifiedOf<(typeof ACCEPTED)[number]>;

async function serve(shop: Shop, message: Accepted, customer: KnownPeer): Promise<Or<readonly Uint8Array[]>> {
  switch (message.payload.type) {
    case "offer-request":
      return makeOffer(shop, { message: message as Verified<typeof offerRequest>, customer });
    case "vendorscrip-request":
      return sellVendorScrip(shop, { message: message as Verified<typeof vendorscripRequest>, customer });
    case "purchase-request":
      return sellItem(shop, { message: message as Verified<typeof purchaseRequest>, customer });
    case "renewal-request":
      return renewVendorScrip(shop, { message: message as Verified<typeof renewalRequest>, customer });
    case "refund-request":
      return refundVendorScrip(shop, { message: message as Verified<typeof refundRequest>, customer });
    case "holdings-request":
      return showHoldings(shop, { message: message as Verified<typeof holdingsRequest>, customer });
  }
}

/** What is sold, or the one item that is asked for. */
async function makeOffer(
  shop: Shop,
  { message, customer }: FromCustomer<typeof offerRequest>,
): Promise<Or<readonly Uint8Array[]>> {
  const { party, items } = shop;
  const { sku, txn } = message.payload;
  const now = party.runtime.now();
  if (isExpired(message.payload, now)) return refuse("expired" satisfies ErrorCode);
  const asked =
    sku === undefined ? [...items.values()] : [items.get(sku)].filter((item) => item !== undefined);
  // What is bound is offered elsewhere, with what an order's description must be.
  const open = asked.filter(({ isBound }) => isBound !== true);
  const listed = open.slice(0, limits.offerItems);
  const answer = await party.sign(offer, {
    to: customer.uid,
    txn,
    request: message.digest,
    items: listed.map(({ sku: name, description, price }) => ({ sku: name, description, unitPrice: price })),
    validUntil: now + OFFER_LIFE,
    scripLife: shop.scripLife,
    more: open.length > listed.length,
    ...(shop.statementBelow === 0n
      ? {}
      : { statementBelow: amountOf((await party.link.keys()).currency, shop.statementBelow) }),
  });
  return [await sealMessage(answer, customer.sealingKey, party.runtime.random)];
}
