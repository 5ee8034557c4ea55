/** What a receipt says, and what of it is known once it is verified. */
import type { Amount } from "../amount.ts";
import type { Credential } from "../credential.ts";
import type { Order } from "../messages/parts.ts";
import type { Digest, Txn, Uid } from "../schema.ts";
import type { Step } from "../step.ts";
import type { Suite } from "../suite/suite.ts";

/** What a receipt that holds proves that both parties, or for a signed M2 the merchant, have said. */
export interface VerifiedReceipt {
  readonly network: Uid;
  readonly customer: Uid;
  readonly merchant: Uid;
  /** The purchase's name: M1's `txn`, or that of lane and sequence. */
  readonly txn: Txn;
  readonly order: Order;
  /** The price, or the maximum when metered. */
  readonly amount: Amount;
  readonly metered: boolean;
  /** Whether the merchant sold; otherwise `reason` says why it refused, and nothing was charged. */
  readonly ok: boolean;
  readonly reason: string | undefined;
  readonly charged: Amount;
  readonly goods: Uint8Array | undefined;
  readonly goodsType: string | undefined;
  /** `issuedAt` of the statement or of M2, by the merchant's clock, in milliseconds. */
  readonly at: number;
  /** Where on a lane it stands; undefined where M1 and M2 are signed themselves. */
  readonly place: LanePlace | undefined;
  /** When the broker recorded the statement, in milliseconds; undefined where the receipt does not show it. */
  readonly recordedAt: number | undefined;
}

export interface LanePlace {
  /** The opening of the session in which the lane was opened, in base64url. */
  readonly session: Digest;
  readonly lane: number;
  readonly sequence: number;
  /** Digest of the statement. */
  readonly statement: Digest;
}

/** What a verifier may know beyond the network. */
export interface ReceiptOptions {
  /** The suite that the network uses; the default one where nothing is said. */
  readonly suite?: Suite;
  /** Operational keys that are known to be stolen: what they have signed proves nothing, whatever its date. */
  readonly revoked?: Iterable<Uid>;
  /** Our clock, in milliseconds: a receipt dated ahead of it is `future-dated`. Nothing else depends on it. */
  readonly now?: number;
}

/** What a receipt says before anybody's signature was looked at. */
export type Said = Omit<VerifiedReceipt, "network" | "customer" | "merchant" | "recordedAt">;

/** The steps for one kind of purchase: what it says, which must agree with itself, and who has signed it. */
export interface PurchaseSteps {
  /** M1 and M2 as they were read. */
  readonly parts: Step<{ readonly said: Said }>;
  /** `parts`, and those that check it without any key; in their order. */
  readonly content: readonly Step[];
  /** Those that check who signed, once both are known. */
  readonly signatures: (customer: Step<Credential>, merchant: Step<Credential>) => readonly Step[];
}
