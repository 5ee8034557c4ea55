/** What a request passes through, whatever it asks: receive (open, load the sender, verify), settle, answer. */
import {
  type Beside,
  blind,
  type Draft,
  isRefusal,
  limits,
  type MessageType,
  type OpenedOf,
  type Or,
  openMessage,
  readMessage,
  refuse,
  type SealingKey,
  type Signed,
  type Suite,
  sealingKeyStatement,
  sealMessage,
  signMessage,
  type Uid,
  type VerifiedOf,
  type VerifyingKey,
  verifyMessage,
} from "@lepta/protocol";
import type { Decision, Fresh, Terms } from "../broker/decision.ts";
import { type CredentialRecord, credentialItem, keys } from "../broker/items.ts";
import type { Custody, KeySet } from "../ports/custody.ts";
import type { Observer } from "../ports/observer.ts";
import type { FundingRail } from "../ports/rail.ts";
import type { Runtime } from "../ports/runtime.ts";
import { type Store, StoreBusy } from "../ports/store.ts";

/** What the operator sets. Times in milliseconds. */
export interface Policy {
  readonly currency: string;
  readonly scripLife: number;
  readonly holdTime: number;
  readonly claimTime: number;
  readonly grace: number;
  readonly noticePatience: number;
  /** How long old public keys and notices are kept. */
  readonly disputeWindow: number;
  /** How much may be minted against recallable money in all; 0 waits until money is final. Millionths. */
  readonly recallableLimit: bigint;
}

/** One function's surroundings. */
export interface Broker {
  readonly store: Store;
  readonly custody: Custody;
  readonly rail: FundingRail;
  readonly runtime: Runtime;
  readonly suite: Suite;
  readonly policy: Policy;
  readonly peers: PeerCache;
  readonly observer: Observer;
}

/** An enrolled peer with its keys imported. */
export interface Peer {
  readonly uid: Uid;
  readonly credential: CredentialRecord;
  readonly verifyingKey: VerifyingKey;
  readonly sealingKey: SealingKey;
}

/** A message from an enrolled sender whose signature holds. */
export interface Received<M extends MessageType> {
  readonly message: VerifiedOf<M>;
  readonly sender: Peer;
  readonly keySet: KeySet;
  readonly now: number;
}

/** open → load the sender's credential → verify. */
export const receive = <M extends MessageType>(
  broker: Broker,
  bytes: Uint8Array,
  accepted: readonly M[],
): Promise<Or<Received<M>>> => broker.observer.timed("receive", () => verified(broker, bytes, accepted));

async function verified<M extends MessageType>(
  broker: Broker,
  bytes: Uint8Array,
  accepted: readonly M[],
): Promise<Or<Received<M>>> {
  const opened = await open(broker, bytes, accepted);
  if (isRefusal(opened)) return opened;
  const { message, keySet } = opened;
  const now = broker.runtime.now();
  const { from } = message.payload;
  const sender = await loadPeer(broker, from);
  if (sender === undefined) return blind(message.seal, refuse("unknown-peer"));
  const { network } = keySet;
  const by = { key: sender.verifyingKey, kid: from, from, to: network, network, now };
  const checked = await verifyMessage(message, by);
  return isRefusal(checked) ? checked : { message: checked, sender, keySet, now };
}

/** Opens what was sealed to any of our keys, old ones included. */
export async function open<M extends MessageType>(
  broker: Broker,
  bytes: Uint8Array,
  accepted: readonly M[],
): Promise<Or<{ readonly message: OpenedOf<M>; readonly keySet: KeySet }>> {
  let keySet = await broker.custody.keys();
  const message = await openMessage(bytes, accepted, async (kid) => {
    const known = keySet.opening(kid);
    if (known !== undefined) return known;
    // A key that was made after this function last looked.
    keySet = await broker.custody.refreshed();
    return keySet.opening(kid);
  });
  return isRefusal(message) ? message : { message, keySet };
}

/** An enrolled peer, or undefined. */
export async function loadPeer(broker: Broker, uid: Uid): Promise<Peer | undefined> {
  const [item] = await broker.store.get([keys.credential(uid)]);
  const credential = credentialItem.read(item);
  return credential === undefined ? undefined : broker.peers.import(uid, credential, broker.suite);
}

/** The key with which an enrolled peer signs, or undefined. A UID names its key for good: what is known is not read again. */
export async function signingKeyOf(broker: Broker, uid: Uid): Promise<VerifyingKey | undefined> {
  return broker.peers.verifyingKey(uid) ?? (await loadPeer(broker, uid))?.verifyingKey;
}

/**
 * Whether the operator has frozen this peer. Judged once for a request, by the credential that was loaded for it: a freeze
 * that comes later comes after the request.
 */
export const isFrozenPeer = ({ credential }: Peer): boolean => credential.frozenAt !== undefined;

/** Imported keys of peers, bounded; importing costs as much as verifying. */
export class PeerCache {
  readonly #peers = new Map<Uid, Peer>();

  /** Of a peer that was imported before. */
  verifyingKey(uid: Uid): VerifyingKey | undefined {
    return this.#peers.get(uid)?.verifyingKey;
  }

  async import(uid: Uid, credential: CredentialRecord, suite: Suite): Promise<Peer> {
    const known = this.#peers.get(uid);
    // The keys are the same; whether the operator has frozen the peer is always as it was just read.
    if (known?.credential.serial === credential.serial) return { ...known, credential };
    const statement = readMessage(credential.sealingKey, [sealingKeyStatement]);
    const verifyingKey = await suite.verifyingKey(credential.signingKey);
    const sealingKey = isRefusal(statement) ? statement : await suite.sealingKey(statement.payload.publicKey);
    if (isRefusal(verifyingKey) || isRefusal(sealingKey))
      throw new Error("a stored credential cannot be read");
    // A UID names its key: whoever could write into the table could otherwise speak as anybody.
    if (verifyingKey.id !== uid) throw new Error("a stored credential holds another peer's key");
    const peer: Peer = { uid, credential, verifyingKey, sealingKey };
    this.#peers.delete(uid);
    this.#peers.set(uid, peer);
    const [oldest] = this.#peers.keys();
    if (this.#peers.size > limits.keyCache && oldest !== undefined) this.#peers.delete(oldest);
    return peer;
  }
}

/**
 * load the state → decide → commit, again from the start when the state has moved in between. What was written is told
 * once it is committed; what was decided before writes nothing and is not told again. What dies between the commit and
 * the telling stays untold: metrics may lack what the books have, and never count what they have not.
 */
export const settle = <S, R>(
  broker: Pick<Broker, "store" | "runtime" | "observer">,
  load: () => Promise<S>,
  decide: (state: S) => Decision<R>,
  tell: (outcome: R) => void = () => {},
): Promise<Or<R>> => broker.observer.timed("settle", () => settleUntimed(broker, load, decide, tell));

/** The same where many together are timed. */
export async function settleUntimed<S, R>(
  broker: Pick<Broker, "store" | "runtime">,
  load: () => Promise<S>,
  decide: (state: S) => Decision<R>,
  tell: (outcome: R) => void = () => {},
): Promise<Or<R>> {
  for (let attempt = 0; attempt < limits.commitAttempts; attempt += 1) {
    const decision = decide(await load());
    if (isRefusal(decision)) return decision;
    if (decision.writes.length === 0) return decision.outcome;
    for (const write of decision.ahead ?? []) await broker.store.commit([write]);
    if ((await broker.store.commit(decision.writes)) === "committed") {
      for (const write of decision.behind ?? []) await broker.store.commit([write]);
      tell(decision.outcome);
      return decision.outcome;
    }
    await broker.runtime.sleep(backoff(broker.runtime, attempt));
  }
  throw new StoreBusy();
}

/** What decisions need to know besides the state. */
export const termsOf = ({ policy, rail }: Broker, keySet: KeySet): Terms => ({
  network: keySet.network,
  ...policy,
  unit: rail.unit(policy.currency),
  epoch: keySet.epoch,
  epochRoot: keySet.epochRoot,
  epochRevokedFrom: keySet.epochRevokedFrom,
});

/** Randomness for one minting. */
export const freshFrom = ({ runtime }: Broker): Fresh => ({
  id: runtime.random(12),
  salt: runtime.random(32),
});

/** Signs an answer in the broker's name. `issuedAt` is of this signing; the decision's time is a field of its own. */
export function signAnswer<M extends MessageType>(
  broker: Broker,
  keySet: KeySet,
  type: M,
  draft: Omit<Draft<M>, "network" | "from" | "issuedAt">,
): Promise<Signed<M>> {
  const { network, signing } = keySet;
  const complete = { ...draft, network, from: network, issuedAt: broker.runtime.now() };
  return broker.observer.timed("answer", () =>
    signMessage(type, complete as unknown as Draft<M>, signing.key),
  );
}

/** Seals an answer to its recipient. */
export const sealAnswer = (
  broker: Broker,
  message: Signed<MessageType>,
  to: SealingKey,
  beside: Beside = {},
): Promise<Uint8Array> =>
  broker.observer.timed("answer", () => sealMessage(message, to, broker.runtime.random, beside));

const BACKOFF_STEP = 4;
const BACKOFF_MOST = 200;

/** Full jitter: up to 4 ms more with each attempt. */
function backoff(runtime: Runtime, attempt: number): number {
  const [draw = 0] = runtime.random(1);
  return Math.ceil((Math.min((attempt + 1) * BACKOFF_STEP, BACKOFF_MOST) * draw) / 255);
}
