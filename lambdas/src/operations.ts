/** What an operator may ask of the functions that are invoked directly, and what they answer. */
import type { Purpose } from "@lepta/protocol";

/** For the function `rotate`. Whatever names no operation is the schedule's event, which rotates. */
export type RotateEvent =
  | { readonly operation?: undefined }
  /** All that the functions of this purpose held is believed stolen. */
  | { readonly operation: "revoke"; readonly purpose: Purpose }
  | { readonly operation: "list" }
  /** A table that was restored from a backup goes on with an epoch of its own. */
  | { readonly operation: "start-epoch" };

/** The purposes whose keys an operator can revoke. */
export const revocablePurposes = [
  "enrol",
  "decide",
  "acknowledge",
  "seal",
] as const satisfies readonly Purpose[];
export type RevocablePurpose = (typeof revocablePurposes)[number];

export interface Rotated {
  /** How many operational keys were made. */
  readonly made: number;
  /** Milliseconds until the first operational key that is in use ends. */
  readonly keyLifeLeft: number;
}

export interface RevokedKeys {
  readonly network: string;
  readonly purpose: Purpose;
  /** The ids of the operational keys that are revoked. */
  readonly revoked: readonly string[];
  /** From when on they are refused, in milliseconds; absent where another run completed the revocation. */
  readonly revokedFrom?: number;
}

/** One operational key that the table holds. Times in milliseconds. */
export interface ListedKey {
  readonly purpose: Purpose;
  readonly id: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedFrom?: number;
}

export interface ListedEpoch {
  readonly epoch: number;
  readonly startedAt: number;
  /** From then on its scrip is only renewed and redeemed. */
  readonly revokedFrom?: number;
}

export interface StartedEpoch {
  readonly epoch: number;
}

export interface KeyList {
  /** Thumbprint of the root key. */
  readonly network: string;
  readonly keys: readonly ListedKey[];
  readonly epochs: readonly ListedEpoch[];
}

/** What the function `rotate` answers to an event. */
export type RotateAnswer<E> = E extends { readonly operation: "revoke" }
  ? RevokedKeys
  : E extends { readonly operation: "list" }
    ? KeyList
    : E extends { readonly operation: "start-epoch" }
      ? StartedEpoch
      : Rotated;

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
      /** Whether the sums say something: they add up, or nothing was decided while they were made. */
      readonly judged: boolean;
    };
