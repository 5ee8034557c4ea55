/** Credentials: what binds a UID to a peer's keys, checked against the root key alone (design section 3). */
import { concat, idBytes, toText } from "./bytes.ts";
import { limits } from "./core-limits.ts";
import { thumbprint } from "./cose/key.ts";
import { readMessage, type Verified, verifyMessage } from "./envelope.ts";
import { isRefusal, type Or, refuse } from "./errors.ts";
import { sha256 } from "./hash.ts";
import {
  credentialCodec,
  enrolment,
  keyCertificate,
  keyRevocation,
  type Purpose,
  sealingKeyStatement,
} from "./messages/keys.ts";
import { type Digest, decodeAs, encodeAs, type Txn, type Uid } from "./schema.ts";
import type { SealingKey, Suite, VerifyingKey } from "./suite/suite.ts";

/** What a party starts from: its pin, and the suite that the network uses. */
export interface Trust {
  readonly suite: Suite;
  /** The root key; its id is the network. */
  readonly rootKey: VerifyingKey;
  /** Operational keys that are good for nothing any more, by id, from these moments on, in milliseconds. */
  readonly revoked?: ReadonlyMap<Uid, number>;
}

/** Whether the operational key with this id is good for nothing any more. */
export const isRevoked = ({ revoked }: Trust, id: Uid, now: number): boolean =>
  now >= (revoked?.get(id) ?? Number.POSITIVE_INFINITY);

/** A peer whose credential was checked, without it: what is kept of one for as long as it is connected. */
export interface KnownPeer {
  readonly uid: Uid;
  readonly verifyingKey: VerifyingKey;
  readonly sealingKey: SealingKey;
  /** The operational key that signed the enrolment: where it is revoked, the credential ends. */
  readonly certifiedBy: Uid;
  /** When it must be renewed, in milliseconds. */
  readonly notAfter: number;
}

/** A peer whose keys were checked. */
export interface Credential extends KnownPeer {
  readonly bytes: Uint8Array;
}

/** What is left of a credential when nobody asks for its bytes any more. */
export const knownBy = (credential: Credential): KnownPeer => {
  const { uid, verifyingKey, sealingKey, certifiedBy, notAfter } = credential;
  return { uid, verifyingKey, sealingKey, certifiedBy, notAfter };
};

/** An operational key of the broker whose certificate was checked. */
export interface OperationalKey {
  readonly id: Uid;
  readonly purpose: Purpose;
  /** The encoded COSE_Key. */
  readonly publicKey: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  /** The certificate, signed. */
  readonly certificate: Uint8Array;
}

/** The three parts of a credential in one item. */
export const encodeCredential = (parts: {
  readonly enrolment: Uint8Array;
  readonly sealingKey: Uint8Array;
  readonly certificate: Uint8Array;
}): Uint8Array => encodeAs(credentialCodec, parts);

/** Checks a credential: the root certified the key that signed the enrolment, and the UID's own key the sealing key. */
export async function verifyCredential(
  bytes: Uint8Array,
  trust: Trust,
  now: number,
): Promise<Or<Credential>> {
  const parts = decodeAs(credentialCodec, bytes);
  if (isRefusal(parts)) return parts;
  const operational = await verifyCertificate(parts.certificate, trust, now);
  if (isRefusal(operational)) return operational;
  if (operational.purpose !== "enrol")
    return refuse("unknown-peer", "the certificate is for another purpose");
  const verifyingKey = await verifyEnrolment(parts.enrolment, operational, trust, now);
  if (isRefusal(verifyingKey)) return verifyingKey;
  const sealing = await verifySealingKey(parts.sealingKey, verifyingKey, trust, now);
  if (isRefusal(sealing)) return sealing;
  const notAfter = Math.min(operational.notAfter, sealing.statement.payload.notAfter);
  if (latestSigner !== operational.id) latestSigner = operational.id;
  const certifiedBy = latestSigner;
  return { uid: verifyingKey.id, bytes, verifyingKey, sealingKey: sealing.key, certifiedBy, notAfter };
}

/** One text for the thousands of credentials that name it. */
let latestSigner: Uid = "";

/** Whether a credential that held once holds no longer: it has ended, or the key that signed it was revoked. */
export const isOver = ({ certifiedBy, notAfter }: KnownPeer, trust: Trust, now: number): boolean =>
  now >= notAfter || isRevoked(trust, certifiedBy, now);

/** Checks the certificate of an operational key: signed by the root, valid now, not revoked, not longer than allowed. */
export async function verifyCertificate(
  bytes: Uint8Array,
  trust: Trust,
  now: number,
): Promise<Or<OperationalKey>> {
  const opened = readMessage(bytes, [keyCertificate]);
  if (isRefusal(opened)) return opened;
  const verified = await verifyMessage(opened, byRoot(trust, now));
  if (isRefusal(verified)) return verified;
  const { purpose, publicKey, notBefore, notAfter } = verified.payload;
  if (notAfter - notBefore > limits.operationalKeyLife)
    return refuse("unknown-peer", "a certificate that lives too long");
  if (now + limits.clockSkew < notBefore || now >= notAfter)
    return refuse("unknown-peer", "a certificate out of its time");
  const id = thumbprint(publicKey);
  if (isRevoked(trust, id, now)) return refuse("unknown-peer", "a certificate of a revoked key");
  return { id, purpose, publicKey, notBefore, notAfter, certificate: bytes };
}

/** An operational key's revocation, checked. */
export interface Revocation {
  readonly key: Uid;
  /** Inclusive, in milliseconds. */
  readonly revokedFrom: number;
  /** The revocation, signed. */
  readonly signed: Uint8Array;
}

/** Checks a revocation: signed by the root, which alone may revoke what it certified. */
export async function verifyRevocation(
  bytes: Uint8Array,
  trust: Trust,
  now: number,
): Promise<Or<Revocation>> {
  const opened = readMessage(bytes, [keyRevocation]);
  if (isRefusal(opened)) return opened;
  const verified = await verifyMessage(opened, byRoot(trust, now));
  if (isRefusal(verified)) return verified;
  const { key, revokedFrom } = verified.payload;
  return { key, revokedFrom, signed: bytes };
}

/** What the root signs is for everybody of its network. */
function byRoot({ rootKey }: Trust, now: number) {
  const network = rootKey.id;
  return { key: remembering(rootKey), kid: network, from: network, to: network, network, now };
}

/** Signatures of roots that held, by what they are over: a few certificates, met with every credential of their day. */
const proven = new Set<string>();

/** The root's key, which does not check again what it has checked: a signature that held holds for ever. */
const remembering = (key: VerifyingKey): VerifyingKey => ({
  alg: key.alg,
  id: key.id,
  publicKey: key.publicKey,
  verify: async (data, signature) => {
    const name = `${key.id} ${toText(sha256(data, signature))}`;
    if (proven.has(name)) return true;
    const holds = await key.verify(data, signature);
    if (!holds) return false;
    const [oldest] = proven;
    if (proven.size >= limits.provenCertificates && oldest !== undefined) proven.delete(oldest);
    proven.add(name);
    return true;
  },
});

/** Checks a peer's statement of its sealing key: signed by the UID's key, valid now. */
export async function verifySealingKey(
  bytes: Uint8Array,
  verifyingKey: VerifyingKey,
  trust: Trust,
  now: number,
): Promise<Or<{ readonly statement: Verified<typeof sealingKeyStatement>; readonly key: SealingKey }>> {
  const opened = readMessage(bytes, [sealingKeyStatement]);
  if (isRefusal(opened)) return opened;
  const uid = verifyingKey.id;
  const network = trust.rootKey.id;
  const statement = await verifyMessage(opened, {
    key: verifyingKey,
    kid: uid,
    from: uid,
    to: network,
    network,
    now,
  });
  if (isRefusal(statement)) return statement;
  const { notBefore, notAfter, publicKey } = statement.payload;
  if (now + limits.clockSkew < notBefore || now >= notAfter || notAfter - notBefore > limits.sealingKeyLife)
    return refuse("unknown-peer", "a sealing key out of its time");
  const key = await trust.suite.sealingKey(publicKey);
  return isRefusal(key) ? key : { statement, key };
}

async function verifyEnrolment(
  bytes: Uint8Array,
  by: OperationalKey,
  trust: Trust,
  now: number,
): Promise<Or<VerifyingKey>> {
  const opened = readMessage(bytes, [enrolment]);
  if (isRefusal(opened)) return opened;
  const key = await trust.suite.verifyingKey(by.publicKey);
  if (isRefusal(key)) return key;
  const network = trust.rootKey.id;
  const { to, publicKey } = opened.payload;
  const verified = await verifyMessage(opened, { key, kid: by.id, from: network, to, network, now });
  if (isRefusal(verified)) return verified;
  const peer = await trust.suite.verifyingKey(publicKey);
  if (isRefusal(peer)) return peer;
  return peer.id === to ? peer : refuse("unknown-peer", "the enrolment is for another key");
}

/** What a proof of possession of a sealing key is over: the statement that names the key, in this enrolment. */
export const possessionContext = (sealingKeyStatementDigest: Digest, enrolTxn: Txn): Uint8Array =>
  concat(idBytes(sealingKeyStatementDigest), idBytes(enrolTxn));
