/**
 * A lean customer: figure 7 with every check and signature that it asks of a customer, and no store of its own. What a
 * customer has to keep is not what is measured here; the merchant's work is, and all of it is production code. Its purchases
 * go through a session where the suite has one, as a wallet's do, and else in an envelope each.
 */
import { type Channel, connectWebSocket } from "@lepta/peer-sdk";
import {
  ANYBODY,
  amountOf,
  type Credential,
  checkGrant,
  contentCodec,
  decodeAs,
  encodeAs,
  hello,
  isRefusal,
  LeptaError,
  type Or,
  type Order,
  orderHash,
  orThrow,
  parseAmount,
  proveSpend,
  purchaseNotice,
  purchaseRequest,
  purchaseResponse,
  purchaseSpendCodec,
  readMessage,
  refuse,
  type Signed,
  sameAmount,
  scripOf,
  sealMessage,
  sessionMessage,
  toText,
  type Verified,
  verifyCredential,
} from "@lepta/protocol";
import { readContent, readReply } from "../../peer-sdk/src/customer/meet.ts";
import { bodyOf, type Holding } from "../../peer-sdk/src/customer/records.ts";
import { hasSessions, type Party, REQUEST_LIFE } from "../../peer-sdk/src/party.ts";
import type { Wire } from "../../peer-sdk/src/ports.ts";
import { openHandshake } from "../../peer-sdk/src/session/handshake.ts";
import { Session } from "../../peer-sdk/src/session/session.ts";
import { ITEM } from "./item.ts";
import type { Exchange } from "./load.ts";
import { type CustomerOptions, provision } from "./provision.ts";

const PRICE = parseAmount(ITEM.price);
const ORDER: Order = { sku: ITEM.sku, description: ITEM.description, unitPrice: PRICE, quantity: 1 };

type Answer = Promise<Or<Verified<typeof purchaseResponse>>>;

/** Who we are, to whom we talk, and over what. */
interface Meeting {
  readonly party: Party;
  readonly merchant: Credential;
  readonly ask: (request: Signed<typeof purchaseRequest>) => Answer;
}

/** Obtains VendorScrip and connects: one purchase after another for each scrip. */
export async function openCustomer(options: CustomerOptions): Promise<readonly Exchange[]> {
  const { party, holdings } = await provision(options);
  const channel = await connectWebSocket(options.url);
  const meeting =
    channel.wire !== undefined && hasSessions(party)
      ? await openSession(party, channel.wire)
      : await greet(party, channel);
  return holdings.map((first) => {
    let held = first;
    return async () => {
      held = await buy(meeting, held);
    };
  });
}

/** One purchase: M0 and M1 signed, M1 sent, M2 checked; the change. Throws where the merchant refuses. */
async function buy({ party, merchant, ask }: Meeting, held: Holding): Promise<Holding> {
  const { link, identity, runtime } = party;
  const { grant, secret } = held;
  const txn = toText(runtime.random(16));
  const salt = runtime.random(16);
  const body = encodeAs(purchaseSpendCodec, {
    scrip: scripOf(grant),
    order: ORDER,
    salt,
    amount: PRICE,
    metered: false,
  });
  const request = await party.sign(purchaseRequest, {
    to: merchant.uid,
    txn,
    expiresAt: runtime.now() + REQUEST_LIFE,
    spend: proveSpend(secret, body),
  });
  // M0, which a load generator has nobody to send to: its signature is made as figure 7 asks.
  await party.sign(purchaseNotice, {
    to: link.network,
    txn,
    merchant: merchant.uid,
    amount: PRICE,
    metered: false,
    order: orderHash(salt, ORDER),
    purchase: request.digest,
  });
  const { payload, secrets } = orThrow(await ask(request));
  if (payload.txn !== txn || payload.request !== request.digest) throw new LeptaError("wrong-reference");
  const { ok, reason = "", charged, grant: change, goods } = payload;
  const [beside] = secrets;
  if (!ok) throw new Error(`the merchant refused a purchase: ${reason}`);
  if (!sameAmount(charged, PRICE) || goods === undefined || change === undefined || beside === undefined)
    throw new LeptaError("scrip-mismatch");
  const { value } = bodyOf(held);
  const expected = {
    kind: "vendor",
    network: identity.network,
    issuer: merchant.uid,
    owner: identity.uid,
    value: amountOf(PRICE.currency, value.value - PRICE.value),
  } as const;
  orThrow(checkGrant(change, beside.secret, expected));
  if (beside.secret === undefined) throw new LeptaError("wrong-reference");
  return { grant: change, secret: beside.secret };
}

/** Inside a session, which seals by itself. */
async function openSession(party: Party, raw: Wire): Promise<Meeting> {
  const { keys, credential, wire } = await openHandshake(
    party,
    raw,
    () => {},
    () => undefined,
  );
  const waiting = new Map<number, (content: Uint8Array) => void>();
  let lastId = 0;
  const session = new Session(wire, keys, party.runtime, {
    items: (items) => {
      for (const item of items) {
        const read = decodeAs(sessionMessage, item);
        if (isRefusal(read)) throw new Error("the merchant sent another item than an answer");
        const [, id, content] = read;
        waiting.get(id)?.(content);
        waiting.delete(id);
      }
    },
    ended: (code) => {
      throw new Error(`the merchant has ended the session: ${code ?? "no code"}`);
    },
  });
  const ask = async (request: Signed<typeof purchaseRequest>): Answer => {
    lastId += 1;
    const id = lastId;
    const content = encodeAs(contentCodec, { signed: request.bytes });
    const answer = await new Promise<Uint8Array>((resolve) => {
      waiting.set(id, resolve);
      session.send(encodeAs(sessionMessage, [6, id, content]));
    });
    return readContent(party, credential.verifyingKey, answer, purchaseResponse);
  };
  return { party, merchant: credential, ask };
}

/** Hello both ways, and then an envelope for each message. */
async function greet(party: Party, channel: Channel): Promise<Meeting> {
  const { runtime, link } = party;
  const greeting = await party.sign(hello, {
    to: ANYBODY,
    txn: toText(runtime.random(16)),
    expiresAt: runtime.now() + REQUEST_LIFE,
    credential: (await party.credential()).bytes,
  });
  const [reply] = await channel.request([greeting.bytes]);
  const opened = orThrow(reply === undefined ? refuse("unreachable") : readMessage(reply, [hello]));
  const merchant = orThrow(await verifyCredential(opened.payload.credential, link.trust(), runtime.now()));
  const ask = async (request: Signed<typeof purchaseRequest>): Answer => {
    const sealed = await sealMessage(request, merchant.sealingKey, runtime.random);
    const [answer] = await channel.request([sealed]);
    return readReply(party, merchant.verifyingKey, answer, purchaseResponse);
  };
  return { party, merchant, ask };
}
