/** What every peer is made of, whatever it does: identity, broker, store, clock. Opening one enrols it. */
import {
  bytes as bytesCodec,
  type Credential,
  type Draft,
  defaultSuite,
  encodeCredential,
  enrolRequest,
  isErrorCode,
  isOver,
  isRefusal,
  LeptaError,
  limits,
  type MessageType,
  orThrow,
  possessionContext,
  readMessage,
  type Signed,
  type Suite,
  sealingKeyStatement,
  signMessage,
  toText,
  type Uid,
  verifyCredential,
} from "@lepta/protocol/core";
import { BrokerLink, type LinkOptions } from "./broker-link.ts";
import { askAt, doors } from "./doors.ts";
import { httpTransport } from "./http-transport.ts";
import { type Identity, knownNetwork, openIdentity } from "./identity.ts";
import { phraseOf, readPhrase } from "./phrase.ts";
import { type BrokerTransport, type PeerStore, type Runtime, systemRuntime } from "./ports.ts";
import { table } from "./store/table.ts";
import { carefully, type Watch } from "./watch.ts";

/** What wallets, merchants and peers are opened with. */
export interface PartyOptions {
  /** A directory of this peer's own; or bring a `store`. */
  readonly dir?: string;
  /** Where its state is kept instead: what is not durable loses money. */
  readonly store?: PeerStore;
  /** `https://pay.example.org#<root key thumbprint>`. */
  readonly broker: string;
  /** The account at the broker's funding rail, and what allows the broker to charge it. The sandbox needs neither. */
  readonly account?: string;
  /** What allows the broker to charge the account. */
  readonly mandate?: string;
  /** The recovery phrase of a peer that is lost, for a directory that is empty. */
  readonly phrase?: string;
  /**
   * Hears a new peer's recovery phrase once, before anything of the peer is kept: where it fails, nothing is. A store with a vault
   * (a browser's) keeps no phrase: without this, `recoveryPhrase` tells it in the session that made the peer and in no other.
   */
  readonly onPhrase?: (phrase: string) => void | Promise<void>;
  /** The suite of the broker's network; the default one where nothing is said. */
  readonly suite?: Suite;
  /** Clock, timers and random bytes; `systemRuntime` where nothing is said. */
  readonly runtime?: Runtime;
  /** The way to the broker; `httpTransport` where nothing is said. */
  readonly transport?: BrokerTransport;
  /** Sees the messages that pass; what it throws is its own affair. */
  readonly watch?: Watch;
}

export interface Party {
  readonly identity: Identity;
  readonly link: BrokerLink;
  readonly store: PeerStore;
  readonly runtime: Runtime;
  readonly suite: Suite;
  readonly watch: Watch | undefined;
  /** Our credential, renewed when it is about to end. */
  credential(): Promise<Credential>;
  /** Signs a message in our name. */
  sign<M extends MessageType>(
    type: M,
    draft: Omit<Draft<M>, "network" | "from" | "issuedAt">,
  ): Promise<Signed<M>>;
}

/** A credential is renewed this long before it ends, in milliseconds. */
const RENEW_BEFORE = 60 * 60 * 1000;
/** The pause between two tries to renew it, in milliseconds. */
const RENEW_PAUSE = 60 * 1000;
/** How long the broker has to decide a request before it is void, in milliseconds. */
export const REQUEST_LIFE = 5 * 60 * 1000;

/** Opens the store, checks the broker against the pin and enrols where that has not happened yet. */
export async function openParty(options: PartyOptions): Promise<Party> {
  const { suite = defaultSuite, runtime = systemRuntime, transport = httpTransport } = options;
  const store = options.store ?? (await openDirectory(options.dir));
  try {
    const known = await knownNetwork(store);
    const watch = carefully(options.watch);
    const link = await openLink(options.broker, store, known, { suite, transport, runtime, watch });
    const restored = options.phrase === undefined ? undefined : await readPhrase(options.phrase);
    const { onPhrase } = options;
    const tell = onPhrase && (async (entropy: Uint8Array) => onPhrase(await phraseOf(entropy)));
    const identity = await openIdentity(store, suite, link.network, runtime, restored, tell);
    const party = createParty(options, { suite, runtime, store, link, identity, watch });
    await party.credential().catch(unlessFrozen);
    return party;
  } catch (error) {
    if (options.store === undefined) await store.close();
    throw error;
  }
}

/** Whether this party can have sessions: its suite has a key for the handshake. */
export const hasSessions = ({ identity }: Party): boolean => identity.opening.agreement !== undefined;

const REMEMBERED = "keys";

async function openLink(
  address: string,
  store: PeerStore,
  known: Uid | undefined,
  ports: Pick<LinkOptions, "suite" | "transport" | "runtime" | "watch">,
): Promise<BrokerLink> {
  const memory = table(store, "broker", bytesCodec(1, limits.batchBytes));
  const remembered = await memory.get(REMEMBERED);
  const remember = (keys: Uint8Array) => store.commit([memory.put(REMEMBERED, keys)]);
  return BrokerLink.open({ address, known, remembered, remember, ...ports });
}

type Parts = Pick<Party, "suite" | "runtime" | "store" | "link" | "identity" | "watch">;

function createParty(options: PartyOptions, parts: Parts): Party {
  const { suite, runtime, link, identity, watch } = parts;
  let current: Credential | undefined;
  let renewing: Promise<Credential> | undefined;

  const load = async (): Promise<Credential> => {
    const { trust } = await link.keys();
    const now = runtime.now();
    const verified = identity.credential && (await verifyCredential(identity.credential, trust, now));
    const kept = isRefusal(verified) ? undefined : verified;
    if (kept !== undefined && kept.notAfter - now > RENEW_BEFORE) return kept;
    const bytes = await enrol(options, parts).catch((error: unknown) => {
      // The broker is away: the credential that we have is good until it ends.
      if (kept !== undefined && error instanceof LeptaError) return kept.bytes;
      throw error;
    });
    const fresh = orThrow(await verifyCredential(bytes, trust, now));
    await identity.keep(bytes);
    return fresh;
  };
  const renew = (): Promise<Credential> => {
    renewing ??= load()
      .then((fresh) => {
        current = fresh;
        return fresh;
      })
      .finally(() => {
        renewing = undefined;
      });
    return renewing;
  };
  let renewNext = 0;
  const renewSoon = (): void => {
    if (renewing !== undefined || runtime.now() < renewNext) return;
    renewNext = runtime.now() + RENEW_PAUSE;
    renew().catch(() => {
      // The credential that we have is good until it ends; the next use after a pause tries again.
    });
  };
  return {
    ...parts,
    credential: async () => {
      const trust = link.trust();
      const now = runtime.now();
      // One whose signer was revoked is refused by everybody who knows.
      if (current === undefined || isOver(current, trust, now)) return renew();
      if (current.notAfter - now <= RENEW_BEFORE) renewSoon();
      return current;
    },
    sign: async (type, draft) => {
      const complete = { ...draft, network: link.network, from: identity.uid, issuedAt: runtime.now() };
      const signed = await signMessage(type, complete as unknown as Draft<typeof type>, identity.signing);
      if (watch !== undefined) {
        const {
          issuedAt: at,
          from,
          to,
          txn,
        } = complete as unknown as Record<"to" | "txn", string> & typeof complete;
        watch({ at, from, to, txn, type: type.name, bytes: signed.bytes });
      }
      return signed;
    },
  } satisfies Party & { suite: typeof suite };
}

/**
 * A frozen peer gets no credential, and other peers do not know it any more; what the broker still does for it, such as
 * renewing its scrip or hearing its claims, needs none.
 */
function unlessFrozen(error: unknown): void {
  if (!(error instanceof LeptaError) || error.code !== "frozen") throw error;
}

/** Asks the broker to certify our keys: the first time with an account, later without. */
async function enrol(options: PartyOptions, parts: Parts): Promise<Uint8Array> {
  const { identity } = parts;
  await identity.renewStatement();
  if (identity.credential === undefined && !identity.isRestored) return enrolOnce(options, parts, true);
  return enrolOnce(options, parts, false).catch((error: unknown) => {
    const isForgotten = error instanceof LeptaError && error.code === "unknown-peer";
    // A broker that was restored from a backup may not know whom it enrolled last. One that only has our phrase may have
    // the wrong broker.
    if (!isForgotten || identity.credential === undefined) throw error;
    return enrolOnce(options, parts, true);
  });
}

async function enrolOnce(
  options: PartyOptions,
  { runtime, link, identity }: Parts,
  isFirst: boolean,
): Promise<Uint8Array> {
  const { sealingKey, rail } = await link.keys();
  const txn = toText(runtime.random(16));
  const statement = orThrow(readMessage(identity.statement, [sealingKeyStatement]));
  const context = possessionContext(statement.digest, txn);
  const now = runtime.now();
  const request = await signMessage(
    enrolRequest,
    {
      network: link.network,
      from: identity.uid,
      to: link.network,
      txn,
      issuedAt: now,
      expiresAt: now + REQUEST_LIFE,
      publicKey: identity.signing.publicKey,
      sealingKey: identity.statement,
      possession: await identity.opening.provePossession(sealingKey, context),
      ...(isFirst ? accountOf(options, rail, identity.uid) : {}),
    },
    identity.signing,
  );
  const answer = orThrow(
    await askAt({ link, identity }, doors.enrol, await link.seal(request), { txn, digest: request.digest }),
  );
  const { ok, reason = "", enrolment } = answer.payload;
  const [certificate] = answer.attachments;
  if (!ok || enrolment === undefined || certificate === undefined)
    throw new LeptaError(isErrorCode(reason) ? reason : "internal", "enrolment");
  return encodeCredential({ enrolment, sealingKey: identity.statement, certificate });
}

/** The sandbox takes any account: one named after the peer, where the caller gave none. */
function accountOf({ account, mandate }: PartyOptions, rail: string, uid: Uid) {
  if (account !== undefined) return { account, mandate: mandate ?? "sandbox" };
  if (rail !== "sandbox") throw new LeptaError("account-needed", `the rail is ${rail}`);
  return { account: uid, mandate: "sandbox" };
}

async function openDirectory(dir: string | undefined): Promise<PeerStore> {
  if (dir === undefined) throw new LeptaError("store-damaged", "give a directory (dir) or a store");
  const { sqlitePeerStore } = await import("#directory");
  // Where there are no directories.
  if (sqlitePeerStore === undefined) throw new LeptaError("store-damaged", `${dir}: bring a store`);
  return sqlitePeerStore(dir);
}
