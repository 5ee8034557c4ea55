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
import type { PeerStore, Runtime } from "./ports.ts";
import { type Table, table } from "./store/table.ts";

const identityCodec = struct({
  suite: field(1, text(16)),
  network: field(2, uid),
  signing: field(3, bytes(16, 1024)),
  sealing: field(4, bytes(16, 1024)),
  /** The signed statement of the sealing key. */
  statement: field(5, embedded(1024)),
  serial: field(6, uint()),
  /** The root of the VendorScrip that this peer issues. */
  epochRoot: field(7, bytes(32)),
  /** The enrolment that is under way, or the last one. */
  credential: optional(8, embedded(3072)),
  /** What the recovery phrase says: both keys follow from it. */
  entropy: optional(9, bytes(ENTROPY)),
  /** Made from the phrase of a peer that the broker knows. */
  restored: optional(10, boolean),
});

export interface Identity {
  readonly uid: Uid;
  readonly network: Uid;
  readonly signing: SigningKey;
  readonly opening: OpeningKey;
  /** The signed statement of the sealing key. */
  readonly statement: Uint8Array;
  /** Number and root of the epoch in which VendorScrip is issued. */
  readonly epoch: number;
  readonly epochRoot: Uint8Array;
  /** The credential as it was last received. */
  readonly credential: Uint8Array | undefined;
  /** What the recovery phrase says; the suite `figure-4` has none. */
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

/** Reads the identity of a store, or makes one and keeps it. Throws `store-damaged` where its keys are not one peer's. */
export async function openIdentity(
  store: PeerStore,
  suite: Suite,
  network: Uid,
  runtime: Runtime,
  restored?: Uint8Array,
): Promise<Identity> {
  const records = identities(store);
  const known = await records.get(SELF);
  const isSame =
    known?.entropy !== undefined && restored !== undefined && equalBytes(known.entropy, restored);
  if (known !== undefined && restored !== undefined && !isSame)
    throw new LeptaError(
      "store-damaged",
      "a wallet is restored into an empty directory; this one holds a peer",
    );
  let record = known ?? (await createIdentity(store, suite, network, runtime, restored));
  const { signing, opening } = await openKeys(record, suite);
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
    epochRoot: record.epochRoot,
    entropy: record.entropy,
    isRestored: record.restored === true,
    get credential() {
      return record.credential;
    },
    keep: (credential) => keep({ credential }),
    renewStatement: async () => {
      const { notAfter } = orThrow(readMessage(record.statement, [sealingKeyStatement])).payload;
      if (notAfter - runtime.now() > RENEW_STATEMENT_BEFORE) return;
      const serial = Math.max(record.serial + 1, runtime.now());
      const statement = await signStatement(suite, record, serial, record.network, runtime);
      await keep({ statement: statement.bytes, serial });
    },
  };
}

/** The private keys, if they are whole and the statement and the credential beside them are theirs. */
async function openKeys(
  record: IdentityRecord,
  suite: Suite,
): Promise<Pick<Identity, "signing" | "opening">> {
  if (record.suite !== suite.name)
    throw new LeptaError(
      "store-damaged",
      `identity: made with the suite ${record.suite} and opened with ${suite.name}; open it with its own suite`,
    );
  const keys = await readKeys(record, suite);
  if (keys === undefined || !areOurs(record, keys))
    throw new LeptaError(
      "store-damaged",
      "identity: its keys cannot be read or do not belong together; restore the whole directory from a copy",
    );
  return keys;
}

async function readKeys({ signing, sealing }: IdentityRecord, suite: Suite) {
  try {
    return { signing: await suite.signingKey(signing), opening: await suite.openingKey(sealing) };
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
export const identities = (store: PeerStore): Table<IdentityRecord> =>
  table(store, "identity", identityCodec);
export type IdentityRecord = ReturnType<typeof identityCodec.decode>;

async function createIdentity(
  store: PeerStore,
  suite: Suite,
  network: Uid,
  runtime: Runtime,
  restored: Uint8Array | undefined,
): Promise<IdentityRecord> {
  const { random } = runtime;
  const isDerivable = suite.name === "default";
  if (restored !== undefined && !isDerivable)
    throw new LeptaError("bad-phrase", `keys of the suite ${suite.name} do not follow from a phrase`);
  const entropy = isDerivable ? (restored ?? random(ENTROPY)) : undefined;
  const drawnFor = (use: string): Random => (entropy === undefined ? random : derivedRandom(entropy, use));
  const signing = await suite.createSigningKey(drawnFor("signing key"));
  const sealing = await suite.createSealingKey(drawnFor("sealing key"));
  // The moment as the serial: a wallet that was restored does not know how often its statement was made before.
  // Its clock may be behind the one of then.
  const serial = runtime.now() + (restored === undefined ? 0 : 2 * limits.clockSkew);
  const statement = await signStatement(suite, { signing, sealing }, serial, network, runtime);
  const record: IdentityRecord = {
    suite: suite.name,
    network,
    signing,
    sealing,
    statement: statement.bytes,
    serial,
    epochRoot: random(32),
    ...(entropy === undefined ? {} : { entropy }),
    ...(restored === undefined ? {} : { restored: true }),
  };
  await store.commit([identities(store).put(SELF, record)]);
  return record;
}

async function signStatement(
  suite: Suite,
  { signing, sealing }: Pick<IdentityRecord, "signing" | "sealing">,
  serial: number,
  network: Uid,
  { now, random }: Runtime,
): Promise<Signed<typeof sealingKeyStatement>> {
  const key = await suite.signingKey(signing);
  const { publicKey } = await suite.openingKey(sealing);
  const notBefore = now();
  const draft = {
    network,
    from: key.id,
    to: network,
    txn: toText(random(16)),
    issuedAt: notBefore,
    publicKey,
    notBefore,
    notAfter: notBefore + SEALING_KEY_LIFE,
    serial,
  };
  return signMessage(sealingKeyStatement, draft, key);
}
