/** What an operator may ask of the functions that are invoked directly, and what they answer. */
import type { Purpose } from "@lepta/protocol";

/** For the function `rotate`. Whatever names no operation is the schedule's event, which rotates. */
export type RotateEvent =
  | { readonly operation?: undefined }
  /** All that the functions of this purpose held is believed stolen. */
  | { readonly operation: "revoke"; readonly purpose: Purpose }
  | { readonly operation: "list" };

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
    : Rotated;
