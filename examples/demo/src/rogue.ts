/**
 * A peer that does not keep to the SDK. It is enrolled like everybody, takes its keys out of its own store, and from then
 * on writes its messages by hand: over a bare channel to merchants, and as sealed bytes to the broker's HTTP door.
 */
import { type Channel, connectWebSocket, httpTransport, type PeerStore } from "@lepta/peer-sdk";
import {
  ANYBODY,
  type Beside,
  type BrokerKeys,
  type Credential,
  type Draft,
  decodeAs,
  errorCodec,
  hello,
  isRefusal,
  LeptaError,
  type MessageType,
  type Opened,
  type OpenedOf,
  type OpeningKey,
  type Or,
  openMessage,
  orThrow,
  readMessage,
  type Signed,
  type SigningKey,
  type Suite,
  sealMessage,
  signMessage,
  toText,
  type Verified,
  verifyAnswer,
  verifyBrokerKeys,
  verifyCredential,
  verifyMessage,
} from "@lepta/protocol";
import { readIdentity } from "./records.ts";
import type { Verdict } from "./teller.ts";

/** A merchant with whom a rogue has exchanged hello. */
export interface Shop {
  readonly channel: Channel;
  readonly credential: Credential;
}

export class Rogue {
  readonly uid: string;
  readonly #signing: SigningKey;
  readonly #opening: OpeningKey;
  readonly #credential: Uint8Array;
  readonly #broker: BrokerKeys;
  readonly #brokerUrl: string;

  private constructor(
    keys: { readonly signing: SigningKey; readonly opening: OpeningKey; readonly credential: Uint8Array },
    broker: BrokerKeys,
    brokerUrl: string,
  ) {
    this.uid = keys.signing.id;
    this.#signing = keys.signing;
    this.#opening = keys.opening;
    this.#credential = keys.credential;
    this.#broker = broker;
    this.#brokerUrl = brokerUrl;
  }

  /** Takes the keys of a peer that the SDK has enrolled out of its store. */
  static async open(store: PeerStore, brokerUrl: string, suite: Suite): Promise<Rogue> {
    const { network, signing, sealing, credential } = await readIdentity(store);
    const { body } = await httpTransport("GET", `${brokerUrl}/keys`, undefined);
    const broker = orThrow(await verifyBrokerKeys(body, network, suite, Date.now()));
    const keys = {
      signing: await suite.signingKey(signing),
      opening: await suite.openingKey(sealing),
      credential,
    };
    return new Rogue(keys, broker, brokerUrl);
  }

  get network(): string {
    return this.#broker.network;
  }

  /** Signs whatever it likes, in its own name: another's it cannot. */
  sign<M extends MessageType>(
    type: M,
    draft: Omit<Draft<M>, "network" | "from" | "issuedAt">,
  ): Promise<Signed<M>> {
    const complete = { ...draft, network: this.network, from: this.uid, issuedAt: Date.now() };
    return signMessage(type, complete as unknown as Draft<M>, this.#signing);
  }

  sealToBroker(message: Signed<MessageType>, beside?: Beside): Promise<Uint8Array> {
    return sealMessage(message, this.#broker.sealingKey, randomBytes, beside);
  }

  /** Connects to a merchant and says hello. */
  async meet(url: string): Promise<Shop> {
    const channel = await connectWebSocket(url);
    const txn = randomId();
    const credential = this.#credential;
    const greeting = await this.sign(hello, { to: ANYBODY, txn, expiresAt: soon(), credential });
    const [reply = new Uint8Array()] = await channel.request([greeting.bytes]);
    const theirs = orThrow(readMessage(reply, [hello]));
    return {
      channel,
      credential: orThrow(await verifyCredential(theirs.payload.credential, this.#broker.trust, Date.now())),
    };
  }

  /** Sends a message to a merchant and brings back what it answers, still sealed. */
  async tell(
    { channel, credential }: Shop,
    message: Signed<MessageType>,
    beside?: Beside,
  ): Promise<readonly Uint8Array[]> {
    return channel.request([await sealMessage(message, credential.sealingKey, randomBytes, beside)]);
  }

  /** Posts sealed bytes to the broker and brings back its answer. */
  async post(path: string, sealed: Uint8Array): Promise<Uint8Array> {
    return (await httpTransport("POST", this.#brokerUrl + path, sealed)).body;
  }

  /** Opens what was sealed to this rogue. Throws the code of a typed error where the bytes are one. */
  async open<M extends MessageType>(bytes: Uint8Array | undefined, type: M): Promise<OpenedOf<M>> {
    const error = decodeAs(errorCodec, bytes ?? new Uint8Array());
    if (!isRefusal(error)) throw new TypedError(error.code);
    return orThrow(await this.tryOpen(bytes ?? new Uint8Array(), type));
  }

  /** The message in these bytes, or why they are none of this type for us. */
  tryOpen<M extends MessageType>(bytes: Uint8Array, type: M): Promise<Or<OpenedOf<M>>> {
    return openMessage(bytes, [type], (kid) => (kid === this.#opening.id ? this.#opening : undefined));
  }

  /** Checks that a merchant signed this for us. */
  async verifyFrom<M extends MessageType>(
    { credential }: Pick<Shop, "credential">,
    opened: Opened<M>,
  ): Promise<Verified<M>> {
    const { uid: from, verifyingKey: key } = credential;
    const { network, uid: to } = this;
    return orThrow(await verifyMessage(opened, { key, kid: from, from, to, network, now: Date.now() }));
  }

  /** Checks that the broker signed this decision for us. */
  async verifyFromBroker<M extends MessageType>(opened: Opened<M>): Promise<Verified<M>> {
    return orThrow(await verifyAnswer(opened, this.#broker, "decide", this.uid, Date.now()));
  }
}

/** An error that was not signed by anybody. */
class TypedError extends Error {
  readonly code: string;
  constructor(code: string) {
    super(`a typed error: ${code}`);
    this.code = code;
  }
}

/** The verdict of a signed answer, or of the typed error that came in its place. */
export async function verdictOf(
  answer: Promise<{ readonly payload: { readonly ok: boolean; readonly reason?: string } }>,
): Promise<Verdict> {
  try {
    const { ok, reason = "no reason" } = (await answer).payload;
    return { ok, code: ok ? "accepted" : reason, signed: true };
  } catch (error) {
    if (error instanceof TypedError) return { ok: false, code: error.code, signed: false };
    if (error instanceof LeptaError)
      return { ok: false, code: `unreadable answer: ${error.code}`, signed: false };
    throw error;
  }
}

export const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** A transaction's id. */
export const randomId = (): string => toText(randomBytes(16));

const MINUTE = 60_000;

/** When a request of a rogue expires, in milliseconds. */
export const soon = (): number => Date.now() + MINUTE;
