/** What an operator may ask the functions `operate`, `rotate` and `reconcile` for: their events and their answers, as JSON. */

/** Of the function `operate`. */
export type OperateEvent =
  | { readonly operation: "freeze"; readonly uid: string; readonly reason?: string }
  | { readonly operation: "unfreeze"; readonly uid: string }
  | { readonly operation: "standing"; readonly uid: string };

/** How a peer stands with the operator; times in milliseconds. */
export interface PeerStanding {
  readonly uid: string;
  readonly enrolledAt: number;
  readonly frozenAt?: number;
  /** The operator's own words. */
  readonly frozenFor?: string;
}

/** `changed`: it stands so since now; `unchanged`: it stood so before. */
export type OperateAnswer =
  | { readonly outcome: "changed" | "unchanged"; readonly peer: PeerStanding }
  | { readonly outcome: "unknown-peer" };

/** The longest reason of a freeze, in characters. */
export const REASON_LENGTH = 500;

/** The purposes whose operational key an operator can revoke. */
export const revocablePurposes = ["enrol", "decide", "acknowledge", "seal"] as const;
export type RevocablePurpose = (typeof revocablePurposes)[number];

/** Of the function `rotate`; anything else rotates. */
export type RotateEvent =
  | { readonly operation: "revoke"; readonly purpose: RevocablePurpose }
  | { readonly operation: "list" }
  | Readonly<Record<string, never>>;

/** Answer to a rotation and to a revocation: how many keys were made, and how long the first of those in use still lives, in milliseconds. */
export interface Rotated {
  readonly made: number;
  readonly keyLifeLeft?: number;
}

/** An operational key; times in milliseconds. */
export interface ListedKey {
  readonly purpose: string;
  readonly id: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedFrom?: number;
}

/** Answer to `list`. */
export interface KeyList {
  /** Thumbprint of the root key. */
  readonly network: string;
  readonly keys: readonly ListedKey[];
  readonly epochs: readonly unknown[];
}

/** Of the function `reconcile`: what a call answers is the event of the next one, until it is done. */
export type ReconcileAnswer =
  | { readonly done: false; readonly progress: unknown }
  | {
      readonly done: true;
      /** By currency and name: decimal millionths of the major unit, and whether they balance. */
      readonly books: Readonly<Record<string, Readonly<Record<string, string | boolean>>>>;
      readonly findings: readonly {
        readonly name: string;
        readonly key: { readonly pk: string; readonly sk: string };
      }[];
      /** Findings that are not named, for there are too many. */
      readonly more: number;
      /** Items that were read. */
      readonly items: number;
      /** How many were left for the next run, because they moved whenever they were looked at. */
      readonly unsettled: number;
    };
