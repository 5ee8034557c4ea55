/**
 * GET /keys: the root key, the certificates of the operational keys that are valid now, and the revocations of those that
 * would be. No private key is needed.
 */
import { brokerKeysCodec, encodeAs, limits, type SuiteName } from "@lepta/protocol";
import { checkService, readKeyTable } from "../custody/key-items.ts";
import type { Store } from "../ports/store.ts";

export interface Shown {
  readonly suite: SuiteName;
  readonly currency: string;
  readonly rail: string;
  /** The smallest amount that the rail pays, in millionths. */
  readonly unit: number;
}

/** The list as peers read it. */
export async function showKeys(store: Store, shown: Shown, now: number, table?: string): Promise<Uint8Array> {
  const keyTable = await readKeyTable(store);
  checkService(keyTable, table);
  const { rootKey, operational } = keyTable;
  if (rootKey === undefined) throw new Error("the table holds no keys yet; run key rotation first");
  const certificates = operational
    .filter((key) => key.notBefore <= now && now < key.notAfter)
    .filter(({ revokedFrom = Number.POSITIVE_INFINITY }) => now < revokedFrom)
    .sort((a, b) => b.notAfter - a.notAfter)
    .slice(0, limits.certificates)
    .map((key) => key.certificate);
  const revocations = operational
    .filter(({ notAfter }) => now < notAfter + limits.clockSkew)
    .sort((a, b) => (b.revokedFrom ?? 0) - (a.revokedFrom ?? 0))
    .flatMap(({ revocation }) => (revocation === undefined ? [] : [revocation]))
    .slice(0, limits.revocations);
  return encodeAs(brokerKeysCodec, {
    version: 1,
    type: "broker-keys",
    rootKey,
    certificates,
    ...shown,
    ...(revocations.length === 0 ? {} : { revocations }),
  });
}
