/** Plain words: for each state of a transaction, each kind of it, and each error what to do. */

import type { HistoryEntry, Status } from "@lepta/peer-sdk";
import { type ErrorCode, isErrorCode, LeptaError } from "@lepta/protocol";

interface Words {
  /** What it is called. */
  readonly name: string;
  /** What it means, in a sentence. */
  readonly meaning: string;
}

/** How a transaction stands. */
export const statusWords: Readonly<Record<Status, Words>> = {
  reserved: { name: "Reserved", meaning: "On its way: the amount is set aside until the answer comes." },
  unknown: {
    name: "Unknown",
    meaning:
      "It was sent and no answer came. The amount is set aside; the wallet asks again and pays once at most.",
  },
  paid: { name: "Paid", meaning: "The other side has answered. The broker will hear of it soon." },
  settled: { name: "Settled", meaning: "Paid, and the broker has it in its books." },
  refused: { name: "Refused", meaning: "Nothing came of it and nothing was charged." },
};

/** What a wallet does. */
export const kindWords: Readonly<Record<HistoryEntry["kind"], string>> = {
  topup: "Top-up",
  vendorscrip: "Set aside for a merchant",
  purchase: "Purchase",
  renewal: "Renewal",
  redeem: "Paid out to your account",
  refund: "Given back by a merchant",
  reversal: "Taken back from a merchant",
  received: "A purchase given back",
};

/** What went wrong, and what to do about it. */
export interface Advice {
  readonly what: string;
  readonly todo: string;
}

const advice = (what: string, todo: string): Advice => ({ what, todo });

const REPORT =
  "Nothing was charged. If it happens again, tell whoever runs this page; the code says what it was.";
const AGAIN = "Try again in a moment.";
const scripAdvice = (what: string): Advice =>
  advice(what, "Reload the page: the wallet then asks for good money in its place, and buys once at most.");

/** One entry for each code of the protocol's table. */
export const errorWords: Readonly<Record<ErrorCode, Advice>> = {
  malformed: advice("A message could not be read.", REPORT),
  "too-large": advice("A message was too long.", REPORT),
  "unsupported-media": advice("A message was of the wrong kind.", REPORT),
  "not-found": advice("Nobody answers at this address.", "Check the broker's address."),
  unauthentic: advice("A signature did not hold.", AGAIN),
  "unknown-peer": advice(
    "The other side does not know this wallet.",
    "Reload the page: the wallet enrols again.",
  ),
  "wrong-type": advice("A message of another kind came.", REPORT),
  "wrong-network": advice(
    "The merchant takes another broker's money.",
    "Open a wallet at the broker that this merchant works with.",
  ),
  "wrong-recipient": advice("A message was meant for somebody else.", REPORT),
  "wrong-reference": advice("This is not in the wallet.", "Look it up in the history."),
  expired: advice("The answer took too long.", AGAIN),
  "future-dated": advice("The clocks disagree.", "Set this device's clock, then try again."),
  frozen: advice(
    "The broker has frozen one of the two accounts.",
    "Ask the broker's operator. Nothing moved.",
  ),
  conflict: advice(
    "This was asked for before, in other words.",
    "Reload the page and look at the history first.",
  ),
  aborted: advice("It was called off.", "Nothing was charged. Try again if you still want it."),
  refused: advice("The broker refused.", "The history says why. Nothing was charged."),
  pending: advice(
    "The answer is not known yet.",
    "The amount is set aside. Press “Ask again” in the wallet; it pays once at most.",
  ),
  busy: advice("There is too much to do over there.", AGAIN),
  internal: advice("The other side has failed.", "Try again; what is under way is shown in the wallet."),
  "account-refused": advice("The bank does not accept this account.", "Use another account."),
  "account-taken": advice("This account has a wallet already.", "Use that wallet, or another account."),
  "bad-possession": advice("The wallet could not prove its keys.", REPORT),
  declined: advice("The bank declined.", "Nothing was charged. Try a smaller amount, or another account."),
  "wrong-currency": advice("The price is in another currency.", "Buy with a wallet of that currency."),
  "amount-overflow": advice("The sum is too large.", "Choose a smaller amount."),
  "scrip-forged": scripAdvice("The merchant does not recognise the money that it issued."),
  "scrip-spent": scripAdvice("This money was spent before."),
  "scrip-expired": scripAdvice("This money has expired."),
  "wrong-issuer": scripAdvice("This money belongs at another merchant."),
  "not-owner": scripAdvice("This money belongs to another wallet."),
  "bad-proof": scripAdvice("The wallet could not prove that the money is its own."),
  insufficient: advice("There is too little money for this.", "Top up, then try again."),
  "paid-out": advice("The merchant was paid for this already.", "Ask the merchant to give it back."),
  "too-late": advice("The time for this is over.", "Ask the merchant."),
  "intent-mismatch": advice("Two messages of this purchase disagree.", REPORT),
  "scrip-mismatch": advice("The merchant offered other money than was asked for.", REPORT),
  "same-party": advice("Nobody can buy from themselves.", "Use another wallet."),
  "unknown-item": advice(
    "The merchant does not sell this any more.",
    "Reload the page to see what there is.",
  ),
  "price-mismatch": advice(
    "The price has changed.",
    "Nothing was charged. Reload the page to see the new price.",
  ),
  "in-use": advice("The money is in use by another purchase.", AGAIN),
  "statement-due": advice("The merchant has not signed for the last purchases yet.", AGAIN),
  "signature-needed": advice("This price needs a signature of its own.", AGAIN),
  "delivery-failed": advice("The merchant could not deliver.", "Nothing was charged. Try again later."),
  "over-max": advice(
    "The merchant asks for more than the price that is shown.",
    "Nothing was charged. Reload the page to see the new price.",
  ),
  "over-budget": advice(
    "This would go beyond what may be spent today.",
    "Nothing was charged. Wait until tomorrow, or raise the budget.",
  ),
  "insufficient-funds": advice("There is too little money in the wallet.", "Top up, then try again."),
  "bad-amount": advice("This is no amount.", "Write it like 5 or 2.50."),
  "bad-phrase": advice("These are not the twelve words.", "Check their spelling and their order."),
  "not-pinned": advice(
    "The broker's address lacks its key.",
    "Use the whole address, with what follows the #.",
  ),
  "wrong-root": advice(
    "This is not the broker that the wallet knows.",
    "Do not pay here. Check the broker's address with somebody whom you trust.",
  ),
  "account-needed": advice(
    "This broker needs an account to charge.",
    "Give the wallet an account and a mandate.",
  ),
  unreachable: advice(
    "Nobody answers.",
    "Check the connection, then try again. You never pay twice for one purchase.",
  ),
  "store-locked": advice(
    "Another window has this wallet open.",
    "Go on there, or close it and reload this page.",
  ),
  "store-damaged": advice(
    "What this browser has kept of the wallet cannot be read.",
    "Nothing was overwritten. Restore the wallet from its twelve words.",
  ),
  closed: advice("The wallet was closed.", "Reload the page."),
};

/** What to say of whatever was thrown. */
export function adviceOn(error: unknown): Advice & { readonly code: string } {
  const code = error instanceof LeptaError && isErrorCode(error.code) ? error.code : "internal";
  return { ...errorWords[code], code };
}

/** What to say of the outcome of a transaction: nothing where it is done. */
export const outcomeWords = (outcome: string): string | undefined =>
  isErrorCode(outcome) ? errorWords[outcome].what : undefined;
