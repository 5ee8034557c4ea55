/** Who a peer is: its signing key, whose thumbprint is its UID, its sealing key, and the secrets of an issuer. */
import {
  boolean,
  bytes,
  credentialCodec,
  decodeAs,
  embedded,
  enrolment,
  equalBytes,
  field,
  isRefusal,
  LeptaError,
  limits,
  type OpeningKey,
  optional,
  orThrow,
  type Random,
  readMessage,
  type Signed,
  type SigningKey,
  type Suite,
  sealingKeyStatement,
  signMessage,
  struct,
  text,
  toText,
  type Uid,
  uid,
  uint,
} from "@lepta/protocol/core";
import { derivedRandom, ENTROPY } from "./derived.ts";
import { brought } from "./parts/brought.ts";
import type { PeerStore, Runtime } from "./ports.ts";
import { type Table, table } from "./store/table.ts";

const identityCodec = struct({
  suite: field(1, text(16)),
  network: field(2, uid),
  /** Private keys; their public halves where the private ones are in the store's vault. */
  signing: field(3, bytes(16, 1024)),
  sealing: field(4, bytes(16, 1024)),
  /** The signed statement of the sealing key. */
  statement: field(5, embedded(1024)),
  serial: field(6, uint()),
  /** The root of the VendorScrip that this peer issues; one whose keys are in a vault issues none. */
  epochRoot: optional(7, bytes(32)),
  /** The enrolment that is under way, or the last one. */
  credential: optional(8, embedded(3072)),
  /** What the recovery phrase says: both keys follow from it. */
  entropy: optional(9, bytes(ENTROPY)),
  /** Made from the phrase of a peer that the broker knows. */
  restored: optional(10, boolean),
  /** The private keys are in the store's vault, and what the phrase says is nowhere. */
  vaulted: optional(11, boolean),
});

export interface Identity {
  readonly uid: Uid;
  readonly network: Uid;
  readonly signing: SigningKey;
  readonly opening: OpeningKey;
  /** The signed statement of the sealing key. */
  readonly statement: Uint8Array;
  /** Number and root of the epoch in which VendorScrip is issued. Throws where the keys are in a vault: a page issues none. */
  readonly epoch: number;
  readonly epochRoot: Uint8Array;
  /** The credential as it was last received. */
  readonly credential: Uint8Array | undefined;
  /** What the recovery phrase says; the suite `figure-4` has none, and a vault forgets it with the session that made it. */
  readonly entropy: Uint8Array | undefined;
  /** Whether the broker knows this peer from before: it is enrolled again without its account. */
  readonly isRestored: boolean;
  /** Keeps a new credential. */
  keep(credential: Uint8Array): Promise<void>;
  /** Signs the statement of the sealing key again, with the next serial, when it is about to end. */
  renewStatement(): Promise<void>;
}

const DAY = 24 * 60 * 60 * 1000;
const SEALING_KEY_LIFE = 366 * DAY;
/** The statement is signed again this long before it ends. */
const RENEW_STATEMENT_BEFORE = 60 * DAY;

/** The network that a store's identity belongs to, where there is one. */
export async function knownNetwork(store: PeerStore): Promise<Uid | undefined> {
  return (await identities(store).get(SELF))?.network;
}

/**
 * Reads the identity of a store, or makes one and keeps it. `tell` hears what a new peer's phrase says before anything is kept of
 * it: nothing is where it fails. Throws `store-damaged` where its keys are not one peer's.
 */
export async function openIdentity(
  store: PeerStore,
  suite: Suite,
  network: Uid,
  runtime: Runtime,
  restored?: Uint8Array,
  tell?: (entropy: Uint8Array) => void | Promise<void>,
): Promise<Identity> {
  const records = identities(store);
  const known = await records.get(SELF);
  if (known !== undefined && restored !== undefined && !(await isFrom(restored, known, suite)))
    throw new LeptaError(
      "store-damaged",
      "a wallet is restored into an empty directory; this one holds a peer",
    );
  const first =
    known === undefined
      ? await createIdentity(store, suite, network, runtime, restored, tell)
      : { record: known, entropy: known.entropy };
  const { entropy } = first;
  let { record } = first;
  const keys = await openKeys(record, suite, store);
  const { signing, opening } = keys;
  const keep = async (change: Partial<IdentityRecord>): Promise<void> => {
    const next = { ...record, ...change };
    await store.commit([records.put(SELF, next)]);
    record = next;
  };
  return {
    uid: signing.id,
    network: record.network,
    signing,
    opening,
    get statement() {
      return record.statement;
    },
    epoch: 1,
    get epochRoot() {
      if (record.epochRoot === undefined) throw new LeptaError("internal", "a page issues no scrip");
      return record.epochRoot;
    },
    entropy,
    isRestored: record.restored === true,
    get credential() {
      return record.credential;
    },
    keep: (credential) => keep({ credential }),
    renewStatement: async () => {
      const { notAfter } = orThrow(readMessage(record.statement, [sealingKeyStatement])).payload;
      if (notAfter - runtime.now() > RENEW_STATEMENT_BEFORE) return;
      const serial = Math.max(record.serial + 1, runtime.now());
      const statement = await signStatement(keys, serial, record.network, runtime);
      await keep({ statement: statement.bytes, serial });
    },
  };
}

type Keys = Pick<Identity, "signing" | "opening">;

/** The private keys, if they are whole and the statement and the credential beside them are theirs. */
async function openKeys(record: IdentityRecord, suite: Suite, store: PeerStore): Promise<Keys> {
  if (record.suite !== suite.name)
    throw new LeptaError(
      "store-damaged",
      `identity: made with the suite ${record.suite} and opened with ${suite.name}; open it with its own suite`,
    );
  const keys = record.vaulted === true ? await findKeys(record, store, suite) : await readKeys(record, suite);
  if (keys === undefined || !areOurs(record, keys))
    throw new LeptaError(
      "store-damaged",
      "identity: its keys cannot be read or do not belong together; restore the whole directory from a copy",
    );
  return keys;
}

async function readKeys({ signing, sealing, epochRoot }: IdentityRecord, suite: Suite) {
  if (epochRoot === undefined) return undefined;
  try {
    return await importKeys(suite, { signing, sealing });
  } catch {
    // What the suite says of bytes that are no key of its own would not help, and might quote them.
    return undefined;
  }
}

function areOurs(
  { network, statement, credential }: IdentityRecord,
  { signing, opening }: Pick<Identity, "signing" | "opening">,
): boolean {
  const stated = readMessage(statement, [sealingKeyStatement]);
  if (isRefusal(stated) || stated.payload.from !== signing.id || stated.payload.network !== network)
    return false;
  if (!equalBytes(stated.payload.publicKey, opening.publicKey)) return false;
  if (credential === undefined) return true;
  const parts = decodeAs(credentialCodec, credential);
  const enrolled = isRefusal(parts) ? parts : readMessage(parts.enrolment, [enrolment]);
  return !isRefusal(enrolled) && enrolled.payload.to === signing.id && enrolled.payload.network === network;
}

/** The id of a store's one identity. */
export const SELF = "self";
/** The table that holds a store's one identity, under `SELF`. */
export const identities = (store: PeerStore): Table<IdentityRecord> =>
  table(store, "identity", identityCodec);
/** A peer's identity as it is kept, private keys included. */
export type IdentityRecord = ReturnType<typeof identityCodec.decode>;

async function createIdentity(
  store: PeerStore,
  suite: Suite,
  network: Uid,
  runtime: Runtime,
  restored: Uint8Array | undefined,
  tell: ((entropy: Uint8Array) => void | Promise<void>) | undefined,
): Promise<{ readonly record: IdentityRecord; readonly entropy: Uint8Array | undefined }> {
  const { random } = runtime;
  const isDerivable = suite.name === "default";
  if (restored !== undefined && !isDerivable)
    throw new LeptaError("bad-phrase", `keys of the suite ${suite.name} do not follow from a phrase`);
  const vault = await vaultOf(store, suite);
  const vaulted = vault !== undefined;
  const entropy = isDerivable ? (restored ?? random(ENTROPY)) : undefined;
  const privateKeys = await drawKeys(suite, entropy, random);
  // Whoever has the money later has the words before: what dies from here on leaves a peer that nobody knows.
  if (entropy !== undefined && restored === undefined) await tell?.(entropy);
  const keys = vault === undefined ? await importKeys(suite, privateKeys) : await vault.keep(privateKeys);
  const kept = vaulted ? { signing: keys.signing.publicKey, sealing: keys.opening.publicKey } : privateKeys;
  // The moment as the serial: a wallet that was restored does not know how often its statement was made before.
  // Its clock may be behind the one of then.
  const serial = runtime.now() + (restored === undefined ? 0 : 2 * limits.clockSkew);
  const statement = await signStatement(keys, serial, network, runtime);
  const record: IdentityRecord = {
    suite: suite.name,
    network,
    ...kept,
    statement: statement.bytes,
    serial,
    ...(vaulted ? { vaulted } : { epochRoot: random(32) }),
    ...(entropy === undefined || vaulted ? {} : { entropy }),
    ...(restored === undefined ? {} : { restored: true }),
  };
  await store.commit([identities(store).put(SELF, record)]);
  // Whoever was told does not ask again; others may in this session, and never after it.
  return { record, entropy: vaulted && tell !== undefined ? undefined : entropy };
}

interface PrivateKeys {
  readonly signing: Uint8Array;
  readonly sealing: Uint8Array;
}

const importKeys = async (suite: Suite, { signing, sealing }: PrivateKeys): Promise<Keys> => ({
  signing: await suite.signingKey(signing),
  opening: await suite.openingKey(sealing),
});

/** Private bytes of both keys: the same ones for the same phrase. */
async function drawKeys(suite: Suite, entropy: Uint8Array | undefined, random: Random): Promise<PrivateKeys> {
  const drawnFor = (use: string): Random => (entropy === undefined ? random : derivedRandom(entropy, use));
  const signing = await suite.createSigningKey(drawnFor("signing key"));
  const sealing = await suite.createSealingKey(drawnFor("sealing key"));
  return { signing, sealing };
}

/** What keeps keys in a store's vault, where the store has one and the suite such keys. A page loads it, before anything is told or kept. */
async function vaultOf({ keys: vault }: PeerStore, { handles }: Suite) {
  if (vault === undefined || handles === undefined) return undefined;
  const { keepInVault, keysInVault } = await brought(() => import("./vault.ts"));
  return {
    keep: (privateKeys: PrivateKeys): Promise<Keys> => keepInVault(vault, handles, privateKeys),
    find: (): Promise<Keys | undefined> => keysInVault(vault, handles),
  };
}

/** The keys of a vault, if they are those whose public halves stand in the record. */
async function findKeys({ signing, sealing }: IdentityRecord, store: PeerStore, suite: Suite) {
  const vault = await vaultOf(store, suite);
  const keys = await vault?.find();
  const isOurs =
    keys !== undefined &&
    equalBytes(keys.signing.publicKey, signing) &&
    equalBytes(keys.opening.publicKey, sealing);
  return isOurs ? keys : undefined;
}

/** Whether a peer that is known was made from this phrase. */
async function isFrom(restored: Uint8Array, known: IdentityRecord, suite: Suite): Promise<boolean> {
  if (known.entropy !== undefined) return equalBytes(known.entropy, restored);
  if (known.vaulted !== true || suite.name !== known.suite) return false;
  const { signing } = await drawKeys(suite, restored, nothing);
  const { publicKey } = await suite.signingKey(signing);
  return equalBytes(publicKey, known.signing);
}

/** What is drawn for a phrase needs no chance. */
const nothing: Random = () => new Uint8Array(0);

async function signStatement(
  { signing, opening }: Keys,
  serial: number,
  network: Uid,
  { now, random }: Runtime,
): Promise<Signed<typeof sealingKeyStatement>> {
  const notBefore = now();
  const draft = {
    network,
    from: signing.id,
    to: network,
    txn: toText(random(16)),
    issuedAt: notBefore,
    publicKey: opening.publicKey,
    notBefore,
    notAfter: notBefore + SEALING_KEY_LIFE,
    serial,
  };
  return signMessage(sealingKeyStatement, draft, signing);
}
