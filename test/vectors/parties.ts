/** The parties of every vector and of the protocol's tests: fixed keys, a fixed clock, randomness that repeats itself. */
import {
  type Amount,
  concat,
  type Draft,
  defaultSuite,
  type enrolment,
  type keyCertificate,
  type OpeningKey,
  orThrow,
  type Purpose,
  parseAmount,
  type Random,
  type SealingKey,
  type SigningKey,
  type sealingKeyStatement,
  sha256,
  type Trust,
  type Txn,
  toText,
  type Uid,
  utf8,
  type VerifyingKey,
} from "@lepta/protocol";

export const HOUR = 60 * 60 * 1000;
export const DAY = 24 * HOUR;

/** The clock of every vector, in milliseconds. */
export const now = Date.UTC(2027, 0, 1);

/** Somebody with a key to sign and a key to be sealed to; of the broker's operational keys only one of them is used. */
export interface Party {
  readonly uid: Uid;
  readonly signing: SigningKey;
  readonly verifying: VerifyingKey;
  readonly opening: OpeningKey;
  readonly sealing: SealingKey;
  /** The private bytes of the key that signs. */
  readonly signingBytes: Uint8Array;
  /** The private bytes of the key that opens. */
  readonly openingBytes: Uint8Array;
}

/** The party whose keys are made of this byte, repeated. */
export async function party(byte: number): Promise<Party> {
  const openingBytes = new Uint8Array(32).fill(0x80 | byte);
  const signingBytes = new Uint8Array(32).fill(byte);
  const signing = await defaultSuite.signingKey(signingBytes);
  const opening = await defaultSuite.openingKey(openingBytes);
  return {
    uid: signing.id,
    signing,
    verifying: orThrow(await defaultSuite.verifyingKey(signing.publicKey)),
    opening,
    sealing: orThrow(await defaultSuite.sealingKey(opening.publicKey)),
    signingBytes,
    openingBytes,
  };
}

export const root = await party(1);
/** The broker's operational keys, each for one purpose. */
export const enrolKey = await party(2);
export const decideKey = await party(3);
export const acknowledgeKey = await party(4);
export const sealKey = await party(5);
export const customer = await party(6);
export const merchant = await party(7);
/** Enrolled nowhere and named by nobody. */
export const stranger = await party(8);

export const network: Uid = root.uid;
export const trust: Trust = { suite: defaultSuite, rootKey: root.verifying };

/** Bytes that are the same for the same label. */
export const fixed = (label: string, length = 32): Uint8Array => sha256(utf8(label)).slice(0, length);

export const txnOf = (label: string): Txn => toText(fixed(`txn ${label}`, 16));

/** A source of randomness that repeats itself. */
export function repeatable(seed: string): Random {
  let count = 0;
  return (length) => {
    const blocks: Uint8Array[] = [];
    for (let have = 0; have < length; have += 32) {
      blocks.push(fixed(`${seed} ${count}`));
      count += 1;
    }
    return concat(...blocks).slice(0, length);
  };
}

export const euro = (text: string): Amount => parseAmount(`EUR ${text}`);

/** The common fields of an answer, a notice or a statement. */
export const plain = (from: Uid, to: Uid, label: string) => ({
  network,
  from,
  to,
  txn: txnOf(label),
  issuedAt: now,
});

/** The common fields of a request. */
export const request = (from: Uid, to: Uid, label: string) => ({
  ...plain(from, to, label),
  expiresAt: now + HOUR,
});

export const certificateDraft = (purpose: Purpose, publicKey: Uint8Array): Draft<typeof keyCertificate> => ({
  ...plain(network, network, `certificate ${purpose}`),
  purpose,
  publicKey,
  notBefore: now - HOUR,
  notAfter: now + 23 * HOUR,
});

export const enrolmentDraft = (peer: Party): Draft<typeof enrolment> => ({
  ...plain(network, peer.uid, "enrol"),
  publicKey: peer.signing.publicKey,
});

export const sealingKeyDraft = (peer: Party): Draft<typeof sealingKeyStatement> => ({
  ...plain(peer.uid, network, "sealing key"),
  publicKey: peer.opening.publicKey,
  notBefore: now - DAY,
  notAfter: now + 30 * DAY,
  serial: 1,
});
