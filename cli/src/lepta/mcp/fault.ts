/** What an agent is told when something does not work: a code, what it means, what to do, and whether money has moved. */
import { type ErrorCode, errors, LeptaError } from "@lepta/protocol";
import { plain } from "./plain.ts";

/** What became of the money: `unknown` until somebody has asked. */
export type Outcome = "nothing-paid" | "paid" | "unknown";

/** A refusal of the server's own, or what a wallet has thrown with what is known about it. */
export class ToolFault extends Error {
  override readonly name = "ToolFault";
  readonly code: string;
  readonly todo: string;
  readonly outcome: Outcome;
  /** The purchase, where it has a name. */
  readonly txn: string | undefined;
  constructor(code: string, meaning: string, todo: string, outcome: Outcome = "nothing-paid", txn?: string) {
    super(meaning);
    this.code = code;
    this.todo = todo;
    this.outcome = outcome;
    this.txn = txn;
  }
}

/** What is told of it. Faults of ours say nothing but that: their messages may hold anything. */
export function told(error: unknown): object {
  const { code, message, todo, outcome, txn } = ofWallet(error);
  return {
    error: { code, meaning: plain(message, LONGEST), todo, outcome, ...(txn === undefined ? {} : { txn }) },
  };
}

/** What a wallet has thrown, where nothing more is known than its code, or that and what was found out since. */
export function ofWallet(error: unknown, outcome?: Outcome, txn?: string): ToolFault {
  if (error instanceof ToolFault) return outcome === undefined ? error : became(error, outcome, txn);
  const isKnown = error instanceof LeptaError;
  const code = isKnown ? error.code : "internal";
  const known = outcome ?? (UNPAID.has(code) ? "nothing-paid" : "unknown");
  const meaning = isKnown ? error.message : errors.internal.meaning;
  return new ToolFault(code, meaning, todoFor(code, known, txn), known, txn);
}

/** More is known than when it was thrown. */
function became({ code, message, todo, txn: before }: ToolFault, outcome: Outcome, txn = before): ToolFault {
  const next = outcome === "nothing-paid" ? todo : `${todo} ${todoFor("internal", outcome, txn)}`;
  return new ToolFault(code, message, next, outcome, txn);
}

/** Characters of what an error says. */
const LONGEST = 500;

/** Codes that come before anything is paid, or with a signed word that nothing was charged. */
const UNPAID: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "over-max",
  "over-budget",
  "wrong-currency",
  "bad-amount",
  "amount-overflow",
  "insufficient-funds",
  "unknown-item",
  "price-mismatch",
  "delivery-failed",
  "frozen",
  "wrong-reference",
]);

function todoFor(code: ErrorCode, outcome: Outcome, txn: string | undefined): string {
  if (outcome === "paid") return `It was paid: call receipts with txn ${txn ?? ""} for what was bought.`;
  if (outcome === "unknown")
    return txn === undefined
      ? "Whether it was paid is not known. Do not simply pay again: call balance, whose underWay lists what is not known, and receipts."
      : `Whether it was paid is not known, and it counts as spent until it is. Do not buy it again: call receipts with txn ${txn}, which asks.`;
  return TODO[code] ?? RETRY[errors[code].retry];
}

const RETRY = {
  same: "Nothing was paid. Try the same again later.",
  new: "Nothing was paid. Another request may succeed.",
  no: "Nothing was paid. Do not try the same again; tell the user.",
} as const;

const TODO: Readonly<Partial<Record<ErrorCode, string>>> = {
  "over-max":
    "It costs more than one payment may. Tell the user: only the owner can raise max, in the configuration.",
  "over-budget":
    "What may be spent in 24 hours is spent or set aside; balance shows it. Wait, or tell the user: only the owner can raise perDay.",
  "insufficient-funds": "The wallet holds too little. Ask the user to top it up.",
  "wrong-currency": "The seller asks for another currency than the wallet holds. Tell the user.",
  "unknown-item": "The merchant does not sell this: check the sku.",
  "price-mismatch": "The price has changed meanwhile. Call quote again.",
  "delivery-failed": "The seller could not deliver, and charged nothing. Try later.",
  "wrong-reference": "There is no such purchase: call receipts without txn for the list.",
};
