/** Every function of the broker: how large it is, and all that it may touch. CDK makes its role of this and nothing else. */
import type { SigningPurpose } from "./ports/custody.ts";
import type { Capability } from "./routes.ts";

/** What answers HTTP requests, what runs by the clock or on the table's stream, and what only the operator invokes. */
export type FunctionName = Capability | "rotate" | "finish" | "reconcile" | "journal" | "operate";

/** The partition keys of items, as IAM compares them (`dynamodb:LeadingKeys`). */
export type Partition =
  | "KEYS"
  | "CERTIFICATES"
  | "PEER#*"
  | "ACCOUNT#*"
  | "MERCHANT#*"
  | "PAIR#*"
  | "OPEN#*"
  | "WAITING#*"
  | "LOSS#*"
  | "EXPOSURE"
  | "BANK*";

export interface TableRights {
  readonly get?: readonly Partition[];
  readonly query?: readonly Partition[];
  readonly put?: readonly Partition[];
  readonly delete?: readonly Partition[];
  /** The whole table, page by page: only for the one that checks the books, which writes nothing. */
  readonly scan?: true;
}

export interface FunctionDefinition {
  readonly memoryMiB: number;
  readonly timeoutSeconds: number;
  readonly table: TableRights;
  /** The purposes whose data keys it may unwrap. */
  readonly unwraps?: readonly SigningPurpose[];
  /** Asks the root for signatures and makes data keys. */
  readonly certifies?: true;
  /** Reads the table's stream and writes the journal. */
  readonly journals?: true;
}

const DECIDE = { unwraps: ["decide"] } as const;

export const functions: Readonly<Record<FunctionName, FunctionDefinition>> = {
  keys: { memoryMiB: 256, timeoutSeconds: 10, table: { query: ["KEYS"] } },
  enrol: {
    memoryMiB: 512,
    timeoutSeconds: 10,
    table: { query: ["KEYS"], get: ["PEER#*", "ACCOUNT#*"], put: ["PEER#*", "ACCOUNT#*"] },
    unwraps: ["enrol"],
  },
  fund: {
    memoryMiB: 1024,
    timeoutSeconds: 25,
    table: {
      query: ["KEYS"],
      get: ["PEER#*", "OPEN#*", "EXPOSURE", "BANK*"],
      put: ["PEER#*", "OPEN#*", "EXPOSURE", "LOSS#*", "BANK*"],
      delete: ["OPEN#*"],
    },
    ...DECIDE,
  },
  authorise: {
    memoryMiB: 1024,
    timeoutSeconds: 15,
    table: {
      query: ["KEYS"],
      get: ["PEER#*", "MERCHANT#*", "PAIR#*"],
      put: ["PEER#*", "MERCHANT#*", "PAIR#*", "OPEN#*"],
      delete: ["MERCHANT#*", "OPEN#*"],
    },
    ...DECIDE,
  },
  settle: {
    memoryMiB: 1024,
    timeoutSeconds: 25,
    table: {
      query: ["KEYS", "MERCHANT#*"],
      get: ["PEER#*", "MERCHANT#*", "BANK*"],
      put: ["PEER#*", "MERCHANT#*", "OPEN#*", "BANK*"],
      delete: ["MERCHANT#*", "OPEN#*"],
    },
    ...DECIDE,
  },
  notices: {
    memoryMiB: 1024,
    timeoutSeconds: 25,
    table: {
      query: ["KEYS"],
      get: ["PEER#*", "PAIR#*"],
      put: ["PAIR#*", "WAITING#*"],
      delete: ["WAITING#*"],
    },
    unwraps: ["acknowledge"],
  },
  query: {
    memoryMiB: 512,
    timeoutSeconds: 15,
    table: {
      query: ["KEYS", "PEER#*", "MERCHANT#*", "PAIR#*"],
      get: ["PEER#*", "MERCHANT#*", "PAIR#*"],
    },
    ...DECIDE,
  },
  rotate: {
    memoryMiB: 512,
    timeoutSeconds: 60,
    table: { query: ["KEYS"], get: ["KEYS"], put: ["KEYS", "CERTIFICATES"], delete: ["KEYS"] },
    unwraps: ["enrol", "decide", "acknowledge"],
    certifies: true,
  },
  finish: {
    memoryMiB: 1024,
    timeoutSeconds: 240,
    table: {
      query: ["KEYS", "OPEN#*", "WAITING#*"],
      get: ["PEER#*", "MERCHANT#*", "PAIR#*", "OPEN#*", "EXPOSURE", "BANK*"],
      put: ["PEER#*", "MERCHANT#*", "PAIR#*", "OPEN#*", "EXPOSURE", "LOSS#*", "BANK*"],
      delete: ["OPEN#*", "WAITING#*"],
    },
    ...DECIDE,
  },
  reconcile: {
    memoryMiB: 1024,
    timeoutSeconds: 840,
    table: {
      scan: true,
      query: ["KEYS", "PEER#*", "OPEN#*"],
      get: [
        "KEYS",
        "PEER#*",
        "ACCOUNT#*",
        "MERCHANT#*",
        "PAIR#*",
        "OPEN#*",
        "WAITING#*",
        "LOSS#*",
        "EXPOSURE",
      ],
    },
  },
  journal: { memoryMiB: 512, timeoutSeconds: 60, table: {}, journals: true },
  operate: {
    memoryMiB: 512,
    timeoutSeconds: 30,
    table: { query: ["KEYS"], get: ["PEER#*"], put: ["PEER#*"] },
  },
};
