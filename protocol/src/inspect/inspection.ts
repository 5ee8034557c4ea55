/** What an inspection shows, and what whoever asks for one may bring. */
import type { KeyRing } from "../envelope.ts";
import type { Uid } from "../schema.ts";
import type { Suite } from "../suite/suite.ts";

/** What the bytes were found to be. */
export type InspectedKind =
  | "signed message"
  | "sealed message"
  | "receipt"
  | "statement"
  | "scrip"
  | "credential"
  | "lane item"
  | "session item"
  | "frame"
  | "batch"
  | "key list"
  | "error message"
  | "CBOR"
  | "unknown";

/** A message of one of the paper's three figures. */
export interface Figure {
  readonly number: 6 | 7 | 8;
  /** `"M0"` to `"M5"`. */
  readonly message: string;
}

/** One thing that was found, in plain words; texts of others have their control characters escaped. */
export interface InspectedField {
  readonly name: string;
  /** Amounts as `EUR 0.02`, times in ISO 8601 with milliseconds, identifiers whole in base64url. */
  readonly value: string;
  readonly note?: string;
  /** What is inside. */
  readonly fields?: readonly InspectedField[];
}

/** One thing that was checked: `unknown` where what it takes is not at hand. */
export interface InspectedCheck {
  readonly name: string;
  readonly state: "good" | "bad" | "unknown";
  readonly reason: string;
}

/** Plain data: it survives `JSON.stringify` and is bounded by the limits that begin with `inspected`. */
export interface Inspection {
  readonly kind: InspectedKind;
  /** `"Purchase request (figure 7, M1)"`. */
  readonly title: string;
  readonly figure?: Figure;
  /** How many bytes were inspected. */
  readonly length: number;
  readonly fields: readonly InspectedField[];
  readonly checks: readonly InspectedCheck[];
}

/** What is at hand besides the bytes. All of it may be missing; nothing in it is shown. */
export interface InspectContext {
  /** The network that is trusted, which is the root key's thumbprint. */
  readonly network?: Uid;
  /** The reader's own UID, or the network where the reader is the broker. */
  readonly recipient?: Uid;
  /** Our clock, in milliseconds. */
  readonly now?: number;
  /** Public keys as encoded COSE_Keys, the root key's too; each counts for its own thumbprint alone. */
  readonly publicKeys?: readonly Uint8Array[];
  /** Credentials of peers, encoded: their keys, and what says that they are enrolled. */
  readonly credentials?: readonly Uint8Array[];
  /** The broker's list of keys, as `GET /keys` answers. */
  readonly brokerKeys?: Uint8Array;
  /** What opens sealed messages. */
  readonly openingKeys?: KeyRing;
  /** Operational keys that are known to be stolen. */
  readonly revoked?: Iterable<Uid>;
  /** The suite that the network uses; the default one where nothing is said. */
  readonly suite?: Suite;
}
