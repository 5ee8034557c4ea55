/** Peers on copies of their stores, to whom comes what was said to others. */
import { type PeerStore, Wallet } from "@lepta/peer-sdk";
import { isRefusal, messages, openMessage, orThrow, readMessage, sealMessage, toText } from "@lepta/protocol";
import { customerTables } from "../../../peer-sdk/src/customer/records.ts";
import { merchantTables } from "../../../peer-sdk/src/merchant/records.ts";
import type { Hand } from "../../peer-sdk/support/hand.ts";
import { channelTo } from "../../peer-sdk/support/world.ts";
import type { Piece } from "./pieces.ts";
import { type Customer, RENEW_BEFORE, type Seller, type Stage } from "./stage.ts";

/** A customer's wallet on a copy of its store; whatever it asks, this answer comes. Hello and the offer are real. */
export async function withAnswer(
  stage: Stage,
  customer: Customer,
  seller: Seller,
  store: PeerStore,
  piece: Piece,
  act: (wallet: Wallet, seller: Seller) => Promise<unknown>,
): Promise<void> {
  const { world } = stage;
  const sealed = await sealedTo(customer.hand, piece);
  const wallet = await Wallet.open({
    broker: world.broker,
    runtime: world.runtime,
    store,
    noticeDelay: 2 ** 30,
    renewBefore: RENEW_BEFORE,
    transport: async (method, url, body) =>
      method === "GET"
        ? world.transport(method, url, body)
        : { contentType: "application/cose", body: sealed },
    connect: async () => {
      const visit = seller.merchant.visit();
      return channelTo(async (frame) => ((await isAsked(stage, frame[0])) ? visit(frame) : [sealed]));
    },
  });
  try {
    await act(wallet, seller);
  } finally {
    await wallet.close();
  }
}

/** Whether a message only asks who is there and what is sold. */
async function isAsked(stage: Stage, bytes: Uint8Array = new Uint8Array()): Promise<boolean> {
  if (!isRefusal(readMessage(bytes, messages))) return true;
  const opened = await openMessage(bytes, messages, stage.ring);
  return !isRefusal(opened) && opened.type.name === "offer-request";
}

/** What was sealed to somebody, sealed to this peer. */
export async function sealedTo(
  { party }: Hand,
  { type, signed, secrets, attachments }: Piece,
): Promise<Uint8Array> {
  const key = orThrow(await party.suite.sealingKey(party.identity.opening.publicKey));
  return sealMessage({ type, bytes: signed }, key, party.runtime.random, { secrets, attachments });
}

/** What a wallet holds, locked or not. */
export async function holdings(store: PeerStore): Promise<readonly unknown[]> {
  const tables = customerTables(store);
  const held = [...(await tables.purse.list()), ...(await tables.vendorscrip.list())];
  return held.map(([id, { grant, unusable }]) => [id, toText(grant.certificate), unusable]);
}

/** The ids of what is live at a merchant. */
export const liveAt = async (store: PeerStore): Promise<readonly string[]> =>
  (await merchantTables(store).scrip.list()).filter(([, { state }]) => state === "live").map(([id]) => id);
