/**
 * The one table of errors: what each code means, whose fault it is, what to do and its HTTP status. Pages load it when an error
 * comes up; what code asks of a code before that is in `errors.ts`. `docs/errors.md` is made from it.
 */

type Fault = "sender" | "recipient" | "broker" | "customer" | "merchant" | "nobody";
/** `same`: the very same bytes may be sent again. `new`: a new request may succeed. `no`: not as it is. */
export type Retry = "same" | "new" | "no";

interface ErrorEntry<R extends Retry> {
  readonly meaning: string;
  readonly fault: Fault;
  readonly retry: R;
  readonly status: number;
}

const entry = <R extends Retry>(status: number, fault: Fault, retry: R, meaning: string): ErrorEntry<R> => ({
  meaning,
  fault,
  retry,
  status,
});

/** Every code with its meaning, whose fault it is, whether to try again, and its HTTP status; `docs/errors.md` shows it. */
export const errors = {
  // The bytes.
  malformed: entry(400, "sender", "no", "The bytes are not a message of this protocol in its only encoding."),
  "too-large": entry(413, "sender", "no", "The message is longer than its type allows."),
  "unsupported-media": entry(415, "sender", "no", "The content type is not the one that this door takes."),
  "not-found": entry(404, "sender", "no", "There is no such door here."),
  // The seal, the signature and the common fields.
  unauthentic: entry(400, "sender", "new", "The seal cannot be opened or the signature does not hold."),
  "unknown-peer": entry(
    403,
    "sender",
    "no",
    "The sender is not enrolled with this broker, or its credential does not hold.",
  ),
  "wrong-type": entry(400, "sender", "no", "A message of another type belongs here."),
  "wrong-network": entry(
    400,
    "sender",
    "no",
    "The message belongs to another network: another broker's money.",
  ),
  "wrong-recipient": entry(400, "sender", "no", "The message was signed for another recipient."),
  "wrong-reference": entry(
    400,
    "sender",
    "no",
    "The message refers to another request, scrip or transaction than the one at hand.",
  ),
  expired: entry(410, "sender", "new", "The request came after it expired."),
  "future-dated": entry(
    400,
    "sender",
    "new",
    "The request is dated further ahead than clocks may differ, or lives longer than allowed.",
  ),
  // Transactions.
  frozen: entry(
    403,
    "broker",
    "new",
    "The operator has frozen the sender or the merchant that it would pay; nothing moved.",
  ),
  conflict: entry(409, "sender", "no", "This transaction's id was used with another request before."),
  aborted: entry(409, "sender", "new", "The transaction was aborted by the one who began it."),
  refused: entry(402, "customer", "new", "The broker refused; only the customer is told why."),
  pending: entry(503, "nobody", "same", "The outcome is not known yet; the same request finds it out later."),
  busy: entry(503, "broker", "same", "Too much at once; nothing was decided."),
  internal: entry(500, "recipient", "same", "The recipient failed; nothing is known to be decided."),
  // Enrolment and money from outside.
  "account-refused": entry(402, "sender", "new", "The funding rail does not accept this account or mandate."),
  "account-taken": entry(409, "sender", "no", "The account is enrolled by another peer already."),
  "bad-possession": entry(400, "sender", "no", "The proof of possession of the sealing key does not hold."),
  declined: entry(402, "sender", "new", "The funding rail declined the charge."),
  "wrong-currency": entry(400, "sender", "no", "The amounts are in different currencies."),
  "amount-overflow": entry(400, "sender", "new", "The sum would pass the largest amount."),
  // Scrip.
  "scrip-forged": entry(
    402,
    "sender",
    "no",
    "The certificate does not match the scrip's body: it was altered or never issued.",
  ),
  "scrip-spent": entry(402, "sender", "no", "The scrip was spent before."),
  "scrip-expired": entry(
    402,
    "sender",
    "no",
    "The scrip has expired, or the secrets that it was made with were revoked; renewed it is good again.",
  ),
  "wrong-issuer": entry(
    402,
    "sender",
    "no",
    "The scrip was issued by somebody else and is worth nothing here.",
  ),
  "not-owner": entry(402, "sender", "no", "The scrip belongs to another peer."),
  "bad-proof": entry(402, "sender", "no", "The proof under the scrip's CustomerSecret does not hold."),
  insufficient: entry(402, "sender", "new", "The scrip is worth less than the amount."),
  "paid-out": entry(
    409,
    "customer",
    "no",
    "The merchant was paid for this scrip already; only the merchant itself can give anything back.",
  ),
  "too-late": entry(410, "customer", "no", "The time within which this can be asked for is over."),
  "intent-mismatch": entry(
    409,
    "customer",
    "no",
    "The request disagrees with the intent that the customer sent.",
  ),
  "scrip-mismatch": entry(
    400,
    "merchant",
    "new",
    "The VendorScrip offered for authorization is not the one that was asked for.",
  ),
  "same-party": entry(400, "sender", "no", "A peer cannot be customer and merchant of one transaction."),
  // Buying.
  "unknown-item": entry(404, "customer", "no", "The merchant does not sell this item."),
  "price-mismatch": entry(409, "customer", "new", "The order does not agree with the merchant's price."),
  "in-use": entry(409, "customer", "new", "The scrip pays for a lane that is open: close it first."),
  "statement-due": entry(
    409,
    "nobody",
    "same",
    "As much as both sides allow was bought without a signed statement: nothing more until it is signed.",
  ),
  "signature-needed": entry(
    409,
    "customer",
    "new",
    "For this amount the merchant wants a purchase that is signed by itself.",
  ),
  "delivery-failed": entry(
    502,
    "merchant",
    "new",
    "The merchant could not produce the goods; nothing was charged.",
  ),
  // What the SDK itself finds.
  "over-max": entry(402, "customer", "new", "The price is above the maximum that the caller allowed."),
  "over-budget": entry(
    402,
    "customer",
    "new",
    "With this payment more would be spent within 24 hours than the caller allowed.",
  ),
  "insufficient-funds": entry(
    402,
    "customer",
    "new",
    "The wallet holds less BrokerScrip than is needed; top up first.",
  ),
  "bad-amount": entry(400, "sender", "no", 'The text is not an amount such as "EUR 0.02".'),
  "bad-phrase": entry(
    400,
    "sender",
    "no",
    "The recovery phrase is not twelve words of the list, in their order, with a check word that fits.",
  ),
  "not-pinned": entry(
    400,
    "recipient",
    "no",
    "The broker's address does not pin its root key; only a loopback broker is trusted at first sight.",
  ),
  "wrong-root": entry(400, "broker", "no", "The broker's root key is not the one that is pinned."),
  "account-needed": entry(
    400,
    "recipient",
    "no",
    "This broker's funding rail needs an account and a mandate.",
  ),
  unreachable: entry(503, "nobody", "same", "The other party cannot be reached or did not answer in time."),
  "store-locked": entry(409, "recipient", "same", "Another process has this directory open."),
  "store-damaged": entry(500, "recipient", "no", "The data on disk cannot be read; nothing was overwritten."),
  closed: entry(400, "recipient", "no", "The wallet, merchant or connection was closed."),
} as const satisfies Readonly<Record<string, ErrorEntry<Retry>>>;

/** A stable code of the table. */
export type ErrorCode = keyof typeof errors;
