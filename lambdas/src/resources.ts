/** The table and the keys of one broker, as CDK deploys them and the embedded cloud makes them. */

/** One table holds everything (docs/architecture.md). Its stream feeds the journal, from which a backup is brought up to date. */
export const tableDefinition = {
  partitionKey: "pk",
  sortKey: "sk",
  /** Seconds since 1970, on items that need not be kept for ever; expiry is never judged by it. */
  timeToLive: "ttl",
  stream: "NEW_IMAGE",
} as const;

/** What stands under `timeToLive` where the table may forget an item after this moment, in milliseconds. */
export const forgottenAfter = (moment: number): number => Math.ceil(moment / 1000);

/** The root signs certificates and never leaves KMS; the wrapping key wraps data keys (design section 7). */
export const keyDefinitions = {
  root: { spec: "ECC_NIST_P256", usage: "SIGN_VERIFY", rotates: false },
  wrapping: { spec: "SYMMETRIC_DEFAULT", usage: "ENCRYPT_DECRYPT", rotates: true },
} as const;

/** The aliases of a stage's keys. */
export const keyAlias = (stage: string, key: keyof typeof keyDefinitions): string =>
  `alias/lepta-${stage}-${key}`;

/** The parameter that names everything of one stage: what `lepta-admin` finds its way by. */
export const deploymentParameter = (stage: string): string => `/lepta/${stage}/deployment`;
