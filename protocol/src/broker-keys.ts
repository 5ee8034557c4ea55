/** The broker's keys as its peers see them: pinned root, certified operational keys. */

import { defaultSuite } from "#platform";
import { limits } from "./core-limits.ts";
import { thumbprint } from "./cose/key.ts";
import {
  isRevoked,
  type OperationalKey,
  type Revocation,
  type Trust,
  verifyCertificate,
  verifyRevocation,
} from "./credential.ts";
import { type AnyOpened, type IsVerified, verifyMessage } from "./envelope.ts";
import { isRefusal, type Or, refuse } from "./errors.ts";
import { brokerKeysCodec, type Purpose } from "./messages/keys.ts";
import { decodeAs, encodeAs, type Uid } from "./schema.ts";
import type { SealingKey, Suite, VerifyingKey } from "./suite/suite.ts";

/** The broker's list of keys, each certificate of which was checked against the root. */
export interface BrokerKeys {
  readonly trust: Trust;
  readonly network: Uid;
  readonly currency: string;
  readonly rail: string;
  /** The smallest amount that the rail pays, in millionths of the major unit. */
  readonly unit: bigint;
  readonly keys: ReadonlyMap<Uid, OperationalKey & { readonly verifyingKey: VerifyingKey | undefined }>;
  /** The key to seal to: of those valid now, the one that lasts longest. */
  readonly sealingKey: SealingKey;
  /** When the sealing key stops being valid, in milliseconds. */
  readonly sealingKeyNotAfter: number;
  /** Those of the list and those that were known before it, by the key's id. */
  readonly revocations: Revocations;
  /** The list as it is to be remembered: with all these revocations in it. */
  readonly list: Uint8Array;
}

/** Revocations of operational keys by the id of the key. */
export type Revocations = ReadonlyMap<Uid, Revocation>;

/** The root key of an answer to GET /keys, for trust at first sight; whoever has a pin compares it with the id. */
export function readRootKey(bytes: Uint8Array): Or<{ readonly id: Uid; readonly publicKey: Uint8Array }> {
  const list = decodeAs(brokerKeysCodec, bytes);
  return isRefusal(list) ? list : { id: thumbprint(list.rootKey), publicKey: list.rootKey };
}

/**
 * Checks an answer to GET /keys against the pinned root key's thumbprint; `wrong-root` where it differs. A list is not
 * signed as a whole: one that leaves a revocation out takes back none of those that are `known`.
 */
export async function verifyBrokerKeys(
  bytes: Uint8Array,
  pin: Uid,
  suite: Suite,
  now: number,
  known: Revocations = new Map(),
): Promise<Or<BrokerKeys>> {
  const list = decodeAs(brokerKeysCodec, bytes);
  if (isRefusal(list)) return list;
  if (thumbprint(list.rootKey) !== pin) return refuse("wrong-root");
  if (list.suite !== suite.name) return refuse("wrong-network", `the broker uses the suite ${list.suite}`);
  // The root is a P-256 key in every suite: KMS makes no weaker one.
  const rootKey = await defaultSuite.verifyingKey(list.rootKey);
  if (isRefusal(rootKey)) return rootKey;
  const revocations = await allRevocations(list.revocations ?? [], { suite, rootKey }, known, now);
  const revoked = new Map([...revocations.values()].map(({ key, revokedFrom }) => [key, revokedFrom]));
  const trust: Trust = { suite, rootKey, revoked };
  const keys = new Map<Uid, OperationalKey & { readonly verifyingKey: VerifyingKey | undefined }>();
  for (const certificate of list.certificates) {
    const key = await verifyCertificate(certificate, trust, now);
    // A key out of its time is of no use to act on; the others still are.
    if (!isRefusal(key)) keys.set(key.id, { ...key, verifyingKey: await importSigner(suite, key) });
  }
  // One that is about to be refused is not sealed to either.
  const sealing = await newestSealingKey(
    suite,
    [...keys.values()].filter(({ id }) => !revoked.has(id)),
  );
  if (isRefusal(sealing)) return sealing;
  const { currency, rail, revocations: _, ...rest } = list;
  const signed = [...revocations.values()].map((each) => each.signed);
  const remembered = encodeAs(brokerKeysCodec, {
    ...rest,
    currency,
    rail,
    ...(signed.length === 0 ? {} : { revocations: signed }),
  });
  const unit = BigInt(list.unit);
  return { trust, network: pin, currency, rail, unit, keys, ...sealing, revocations, list: remembered };
}

/** The revocations in a list that was remembered, which need hold nothing else any more. */
export async function readRevocations(bytes: Uint8Array, pin: Uid, now: number): Promise<Revocations> {
  const list = decodeAs(brokerKeysCodec, bytes);
  if (isRefusal(list) || thumbprint(list.rootKey) !== pin) return new Map();
  const rootKey = await defaultSuite.verifyingKey(list.rootKey);
  if (isRefusal(rootKey)) return new Map();
  return allRevocations(list.revocations ?? [], { suite: defaultSuite, rootKey }, new Map(), now);
}

/** The latest of those that hold, each key's earliest moment: what was refused once is not accepted again. */
async function allRevocations(
  signed: readonly Uint8Array[],
  trust: Trust,
  known: Revocations,
  now: number,
): Promise<Revocations> {
  const all = new Map(known);
  for (const bytes of signed) {
    const revocation = await verifyRevocation(bytes, trust, now);
    // One that the root did not sign revokes nothing.
    if (isRefusal(revocation)) continue;
    const before = all.get(revocation.key);
    if (before === undefined || revocation.revokedFrom < before.revokedFrom)
      all.set(revocation.key, revocation);
  }
  const needed = [...all.values()]
    // By then the key's certificate has ended by itself.
    .filter(({ revokedFrom }) => now < revokedFrom + limits.operationalKeyLife + limits.clockSkew)
    .sort((a, b) => b.revokedFrom - a.revokedFrom)
    .slice(0, limits.revocations);
  return new Map(needed.map((each) => [each.key, each]));
}

/** The key imported once, for the many answers that it signs; a sealing key signs none. */
async function importSigner(
  suite: Suite,
  { purpose, publicKey }: OperationalKey,
): Promise<VerifyingKey | undefined> {
  const key = purpose === "seal" ? undefined : await suite.verifyingKey(publicKey);
  return isRefusal(key) ? undefined : key;
}

/** Of the sealing keys valid now the one that lasts longest, if this suite can use it. */
async function newestSealingKey(
  suite: Suite,
  keys: readonly OperationalKey[],
): Promise<Or<Pick<BrokerKeys, "sealingKey" | "sealingKeyNotAfter">>> {
  const newest = keys.filter((key) => key.purpose === "seal").sort((a, b) => b.notAfter - a.notAfter);
  for (const { publicKey, notAfter } of newest) {
    const sealingKey = await suite.sealingKey(publicKey);
    if (!isRefusal(sealingKey)) return { sealingKey, sealingKeyNotAfter: notAfter };
  }
  return refuse("unknown-peer", "the broker shows no valid sealing key");
}

/** Checks an answer of the broker: signed by an operational key for this purpose that is valid now. */
export async function verifyAnswer<O extends AnyOpened>(
  opened: O,
  broker: BrokerKeys,
  purpose: Purpose,
  to: Uid,
  now: number,
): Promise<Or<O & IsVerified>> {
  const operational = broker.keys.get(opened.sign1.kid);
  if (operational === undefined || operational.purpose !== purpose || now >= operational.notAfter)
    return refuse("unauthentic", "no valid key of the broker with this id and purpose");
  if (isRevoked(broker.trust, operational.id, now))
    return refuse("unauthentic", "a revoked key of the broker");
  const { verifyingKey: key } = operational;
  if (key === undefined) return refuse("unauthentic", "a key that does not sign");
  const { network } = broker;
  return verifyMessage(opened, { key, kid: operational.id, from: network, to, network, now });
}
