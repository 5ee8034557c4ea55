/** A funding rail: where money comes in from and goes out to. Every call may be repeated under its key. */
import type { Amount } from "@lepta/protocol";

export interface Charge {
  /** base64url of SHA-256("fund" ‖ network ‖ UID ‖ txn), for money on its way out with "pay". */
  readonly key: string;
  readonly account: string;
  readonly amount: Amount;
}

/** What the rail knows of one key. */
export type ChargeState =
  | {
      readonly state: "charged";
      readonly account: string;
      readonly amount: Amount;
      readonly reference: string;
      /** The money cannot be recalled any more. */
      readonly final: boolean;
    }
  | { readonly state: "declined" }
  | { readonly state: "cancelled" }
  /** The money was charged and has been taken back since. */
  | { readonly state: "recalled" }
  | { readonly state: "not-found" }
  /** The rail did not answer, or does not know yet. */
  | { readonly state: "unknown" };

/** What the rail knows of money on its way out. */
export type PayoutState =
  | {
      readonly state: "paid";
      readonly account: string;
      readonly amount: Amount;
      readonly reference: string;
    }
  /** It will never be paid under this key. */
  | { readonly state: "declined" }
  | { readonly state: "unknown" };

export interface FundingRail {
  readonly name: string;
  /** The smallest amount that it pays, in millionths of the currency's major unit. */
  unit(currency: string): bigint;
  /** Whether this mandate lets us charge this account. */
  accepts(account: string, mandate: string): Promise<boolean>;
  charge(charge: Charge): Promise<ChargeState>;
  find(key: string): Promise<ChargeState>;
  /** Makes the key unusable unless it was charged already; answers with what the key is from now on. */
  cancel(key: string): Promise<ChargeState>;
  /** Pays money out to an account; the same key pays once, however often it is asked. */
  pay(payout: Charge): Promise<PayoutState>;
}
