/** Plain words for messages, items and fields. */
import type { MessageType } from "../messages/define.ts";
import type { Purpose } from "../messages/keys.ts";
import type { Figure } from "./inspection.ts";

/** Who signs a message: the root, the broker under a key for one of these purposes, or a peer. */
export type Author = "root" | "peer" | readonly Purpose[];
/** For whom it is: the network stands for the broker and for everybody. */
export type Reader = "network" | "peer" | "anybody";

export interface MessageWords {
  readonly title: string;
  readonly figure?: Figure;
  readonly author: Author;
  readonly reader: Reader;
}

const words = (title: string, author: Author, reader: Reader, figure?: Figure): MessageWords =>
  figure === undefined
    ? { title, author, reader }
    : { title: `${title} (figure ${figure.number}, ${figure.message})`, figure, author, reader };

const figure = (number: Figure["number"], message: string): Figure => ({ number, message });

const ENROL: Author = ["enrol"];
const DECIDE: Author = ["decide"];

/** By the message's name. */
const messageWords: Readonly<Record<string, MessageWords>> = {
  "key-certificate": words("Certificate of a key of the broker", "root", "network"),
  "key-revocation": words("Revocation of a key of the broker", "root", "network"),
  "sealing-key": words("A peer's sealing key", "peer", "network"),
  enrolment: words("Enrolment", ENROL, "peer"),
  "enrol-request": words("Request to be enrolled", "peer", "network"),
  "enrol-response": words("Answer to a request to be enrolled", ENROL, "peer"),
  hello: words("Hello", "peer", "anybody"),
  "offer-request": words("Question about what is sold", "peer", "peer"),
  offer: words("Offer", "peer", "peer"),
  "brokerscrip-request": words("Request for BrokerScrip", "peer", "network", figure(6, "M0")),
  "brokerscrip-response": words("Answer with BrokerScrip", DECIDE, "peer", figure(6, "M1")),
  "vendorscrip-intent": words("Intent to buy VendorScrip", "peer", "network", figure(8, "M0")),
  "vendorscrip-request": words("Request for VendorScrip", "peer", "peer", figure(8, "M1")),
  "vendorscrip-order": words("Order for VendorScrip, the broker's part", "peer", "network", figure(8, "M1")),
  "authorization-request": words("Request for authorization", "peer", "network", figure(8, "M2")),
  "authorization-response": words("Authorization", DECIDE, "peer", figure(8, "M4")),
  "brokerscrip-change": words("Change in BrokerScrip", DECIDE, "peer", figure(8, "M3")),
  "vendorscrip-response": words("Answer with VendorScrip", "peer", "peer", figure(8, "M5")),
  "purchase-notice": words("Customer's notice of a purchase", "peer", "network", figure(7, "M0")),
  "purchase-request": words("Purchase request", "peer", "peer", figure(7, "M1")),
  "purchase-response": words("Purchase response", "peer", "peer", figure(7, "M2")),
  "sale-notice": words("Merchant's notice of a sale", "peer", "network", figure(7, "M3")),
  "notice-batch": words("Batch of notices", "peer", "network"),
  acknowledgement: words("Acknowledgement", ["acknowledge", "decide"], "peer"),
  query: words("Question about a transaction", "peer", "network"),
  abort: words("Request to end a transaction", "peer", "network"),
  "transaction-response": words("How a transaction stands", DECIDE, "peer"),
  "account-query": words("Question about an account", "peer", "network"),
  "account-response": words("How an account stands", DECIDE, "peer"),
  "holdings-request": words("Question about what a merchant holds", "peer", "peer"),
  "holdings-response": words("What a merchant holds for a customer", "peer", "peer"),
  "renewal-request": words("Request to renew scrip", "peer", "peer"),
  "renewal-response": words("Answer with renewed scrip", "peer", "peer"),
  "redeem-request": words("Request to pay BrokerScrip out", "peer", "network"),
  "redeem-response": words("Answer to a request to pay out", DECIDE, "peer"),
  "refund-request": words("Request to take VendorScrip back", "peer", "peer"),
  "refund-order": words("Order to take VendorScrip back, the broker's part", "peer", "network"),
  "refund-authorization": words("Request to authorise a refund", "peer", "network"),
  "refund-change": words("Change of a refund", DECIDE, "peer"),
  "reversal-request": words("Request to reverse a credit", "peer", "network"),
  "reversal-claim": words("Merchant's claim against a reversal", "peer", "network"),
  reversal: words("Reversal", DECIDE, "peer"),
  "settle-request": words("Request to be paid", "peer", "network"),
  "settlement-statement": words("Settlement", DECIDE, "peer"),
  statement: words("Statement over a lane", "peer", "network"),
};

/** The words for a type of message. Throws where it has none: a type of ours without words is our own fault. */
export function wordsOf({ name }: MessageType): MessageWords {
  const found = Object.hasOwn(messageWords, name) ? messageWords[name] : undefined;
  if (found === undefined) throw new TypeError(`no words for ${name}`);
  return found;
}

const fieldWords: Readonly<Record<string, string>> = {
  txn: "Transaction",
  from: "From",
  to: "To",
  issuedAt: "Signed at",
  ok: "Agreed",
  decidedAt: "Decided at",
  request: "Answers the request",
  record: "Audit record",
  grant: "Scrip granted",
  live: "Live scrip",
  change: "Change granted",
  spend: "Spend",
  pop: "Proof of the CustomerSecret",
  part: "Hash of the broker's part",
  order: "Order",
  sku: "Article",
  goodsType: "Type of the goods",
  minimumExpiry: "Least expiry of the new scrip",
  spent: "Scrip that was spent",
  replaced: "Scrip that is replaced",
  purchase: "Digest of M1",
  response: "Digest of M2",
  place: "Place in a session",
  subject: "Transaction asked about",
  origin: "First scrip of the line (V0)",
  parent: "Scrip that it is change of",
  chain: "Chain's hash after the run",
  previous: "Statement before",
  first: "First purchase",
  last: "Last purchase",
  closes: "Closes the lane",
  escrow: "M5 in escrow",
  authorization: "Authorization (M4)",
  secretHash: "SHA-256 of the CustomerSecret",
  possession: "Proof of possession",
  tree: "Root of the tree",
  id: "Id",
  scripLife: "New scrip lives at least",
  statementBelow: "Lanes for purchases below",
  more: "More to come",
};

/** A field's name in words. */
export const label = (name: string): string =>
  Object.hasOwn(fieldWords, name)
    ? (fieldWords[name] ?? name)
    : name.charAt(0).toUpperCase() + name.slice(1).replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
