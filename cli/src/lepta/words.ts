/** What is said to people in plain words: each code that they can meet with what to do, kinds and states of transactions. */
import type { HistoryEntry, Status } from "@lepta/peer-sdk";
import type { ErrorCode } from "@lepta/protocol";

interface Advice {
  readonly says: string;
  readonly todo: string;
}

const PENDING =
  "lepta wallet pending asks again; the same command again goes on with it and pays nothing twice.";

/** Codes that a user can meet; of others the table's own meaning is said. */
export const words: Readonly<Partial<Record<ErrorCode, Advice>>> = {
  unreachable: {
    says: "The other side cannot be reached, or did not answer in time.",
    todo: "Check the address and your network, then give the same command again: it pays nothing twice.",
  },
  pending: { says: "It is under way, and its outcome is not known yet.", todo: PENDING },
  busy: {
    says: "The other side has too much to do; nothing was decided.",
    todo: "Try the same again in a while.",
  },
  internal: {
    says: "The other side failed; nothing is known to be decided.",
    todo: PENDING,
  },
  "statement-due": {
    says: "As much was bought as both sides allow before they sign for it together.",
    todo: "Give the same command again in some seconds, when it is signed.",
  },
  "store-locked": {
    says: "Another process has this directory open.",
    todo: "Wait for the other lepta command to end, or stop it (lepta dev, lepta merchant serve), or choose another --home.",
  },
  "store-damaged": {
    says: "The data in this directory cannot be read; nothing was overwritten.",
    todo: "Keep it as it is. Restore a wallet with lepta wallet restore in another --home, a merchant from a copy.",
  },
  "not-pinned": {
    says: "This is no address of a broker, or it does not say which key the broker must have.",
    todo: "Give it whole, as the broker's operator tells it: https://host#thumbprint. Only a broker on this machine goes without.",
  },
  "wrong-root": {
    says: "This is another broker than the one that this directory belongs to.",
    todo: "Give the address of the broker that it was made with, or choose another --home for the new one.",
  },
  "account-needed": {
    says: "This broker needs to know which account pays and is paid.",
    todo: "Add --account and --mandate, as the broker's operator tells them.",
  },
  "account-refused": {
    says: "The broker's bank does not take this account or mandate.",
    todo: "Check --account and --mandate with the broker's operator.",
  },
  "account-taken": {
    says: "This account belongs to another wallet or merchant already.",
    todo: "Give another --account, or restore that wallet from its twelve words with lepta wallet restore.",
  },
  declined: {
    says: "The bank has declined it; nothing was moved.",
    todo: "Try a smaller amount, or ask your bank.",
  },
  "wrong-currency": {
    says: "The amounts are in different currencies.",
    todo: "Use the currency of your broker: lepta wallet balance shows it.",
  },
  "bad-amount": {
    says: "This amount cannot be used.",
    todo: 'Write a currency and a number with at most six places, such as "EUR 0.02".',
  },
  "amount-overflow": { says: "The sum would be too large.", todo: "Use a smaller amount." },
  "over-max": {
    says: "The price is above the maximum that you allowed; nothing was paid.",
    todo: "Give a higher --max if the price is fine with you.",
  },
  "over-budget": {
    says: "It would be more than may be spent in a day; nothing was paid.",
    todo: "Wait until some of the day is over, or allow more a day if that is fine with you.",
  },
  "insufficient-funds": {
    says: "The wallet holds too little; nothing was paid.",
    todo: 'Top up first: lepta wallet topup "EUR 5.00".',
  },
  insufficient: {
    says: "What would be paid with is worth less than the price; nothing was paid.",
    todo: 'Top up first: lepta wallet topup "EUR 5.00".',
  },
  refused: {
    says: "The broker has refused; no money was moved.",
    todo: "lepta wallet history shows why; lepta wallet balance what there is.",
  },
  frozen: {
    says: "The broker's operator has frozen this wallet, or the merchant; no money was moved.",
    todo: "Ask the broker's operator.",
  },
  "unknown-item": {
    says: "The merchant does not sell this; nothing was paid.",
    todo: "Check the item's name: the merchant sells under other names.",
  },
  "price-mismatch": {
    says: "The price has changed meanwhile; nothing was paid.",
    todo: "Give the command again: it asks for the price anew and keeps to --max.",
  },
  "delivery-failed": {
    says: "The merchant could not make the goods; nothing was charged.",
    todo: "Try again later, or tell the merchant.",
  },
  "wrong-recipient": {
    says: "At this address is another merchant than the one that was expected; nothing was paid.",
    todo: "Check the address with the merchant: who changes the merchant behind it must say so.",
  },
  "unknown-peer": {
    says: "The two sides do not belong to the same broker, or one is not known to it any more.",
    todo: "Check that wallet and merchant use the same broker; give the command again if they do.",
  },
  "wrong-network": {
    says: "The other side belongs to another broker; nothing was paid.",
    todo: "Use a wallet of the same broker: lepta wallet init --broker … --home …",
  },
  "scrip-expired": {
    says: "What would be paid with has expired; nothing was paid.",
    todo: "Give the command again: the wallet renews it.",
  },
  "paid-out": {
    says: "The merchant was paid for it already.",
    todo: "Only the merchant itself can give it back: ask there.",
  },
  "too-late": { says: "The time for this is over.", todo: "Ask the merchant, or the broker's operator." },
  "bad-phrase": {
    says: "These are not the twelve words of a wallet, in their order.",
    todo: "Check each word against what you wrote down: twelve words, in their order, separated by spaces.",
  },
  "wrong-reference": {
    says: "There is no such purchase here.",
    todo: "lepta wallet history shows the purchases and their names.",
  },
  expired: {
    says: "The request came too late and is void; nothing was paid.",
    todo: "Check this machine's clock, then give the command again.",
  },
  "future-dated": {
    says: "This machine's clock and the other side's differ too much; nothing was paid.",
    todo: "Set this machine's clock, then give the command again.",
  },
  malformed: {
    says: "The other side does not speak Lepta as this release does.",
    todo: "Check the address; if it is right, one of the two sides needs a newer release.",
  },
};

/** How a transaction stands. */
export const statusWords: Readonly<Record<Status, string>> = {
  reserved: "waiting",
  unknown: "not known",
  paid: "paid",
  settled: "settled",
  refused: "refused",
};

/** What the states mean, for a legend. */
export const statusMeaning: Readonly<Record<Status, string>> = {
  reserved: "the answer is being waited for",
  unknown: "sent, and no answer came yet: it is asked for again by itself",
  paid: "the merchant has it",
  settled: "the broker has it too",
  refused: "nothing came of it",
};

/** What was done. */
export const kindWords: Readonly<Record<HistoryEntry["kind"], string>> = {
  topup: "top-up",
  vendorscrip: "put at merchant",
  purchase: "purchase",
  renewal: "renewal",
  redeem: "paid out",
  refund: "taken back",
  reversal: "reclaimed",
  received: "given back",
};
