/** A peer's way to its broker: the pin, the broker's keys, requests sealed to them and answers checked against them. */
import {
  type AnyOpened,
  type Beside,
  type BrokerKeys,
  decodeAs,
  ERROR_MEDIA_TYPE,
  equalBytes,
  errorCodec,
  type IsVerified,
  isErrorCode,
  isRefusal,
  isToRepeat,
  isUid,
  LeptaError,
  limits,
  type MessageType,
  type OpeningKey,
  type Or,
  openMessage,
  orThrow,
  type Purpose,
  readRevocations,
  readRootKey,
  refuse,
  type Signed,
  type Suite,
  sealMessage,
  type Trust,
  type Uid,
  type VerifiedOf,
  verifyAnswer,
  verifyBrokerKeys,
} from "@lepta/protocol/core";
import type { BrokerTransport, Runtime } from "./ports.ts";
import { took, type Watch } from "./watch.ts";

/** The broker's keys are read again this long before the sealing key ends, in milliseconds. */
const REFRESH_BEFORE = 60 * 60 * 1000;
/** And this often while they are in use, in milliseconds: so soon a peer learns that a key was revoked. */
const REFRESH_EVERY = 10 * 60 * 1000;
/** The pause between two tries, in milliseconds. */
const REFRESH_PAUSE = 60 * 1000;

export interface LinkOptions {
  /** `https://host#<thumbprint of the root key>`; only a loopback host may stand without it. */
  readonly address: string;
  /** The thumbprint that was seen before, where there is one. */
  readonly known: Uid | undefined;
  /** The broker's keys as they were last read: a broker that is away does not stop a peer that knows it. */
  readonly remembered: Uint8Array | undefined;
  readonly remember: (keys: Uint8Array) => Promise<void>;
  readonly suite: Suite;
  readonly transport: BrokerTransport;
  readonly runtime: Runtime;
  readonly watch?: Watch | undefined;
}

/** What an answer must be. */
export interface ExpectedAnswer<M extends MessageType> {
  readonly accepted: readonly M[];
  readonly purpose: Purpose;
  /** Our UID. */
  readonly to: Uid;
  readonly opening: OpeningKey;
  /** Of the request: the answer names both. */
  readonly txn: string;
  readonly digest: string;
}

export class BrokerLink {
  readonly url: string;
  readonly network: Uid;
  readonly #options: LinkOptions;
  #keys: BrokerKeys;
  #readAt: number;
  #refreshNext = 0;

  private constructor(url: string, keys: BrokerKeys, readAt: number, options: LinkOptions) {
    this.url = url;
    this.network = keys.network;
    this.#keys = keys;
    this.#readAt = readAt;
    this.#options = options;
  }

  /** Reads the broker's keys and checks them against the pin. Throws `not-pinned`, `wrong-root` or `unreachable`. */
  static async open(options: LinkOptions): Promise<BrokerLink> {
    const { url, pin } = readAddress(options.address);
    const { known, remembered, suite, runtime } = options;
    if (pin !== undefined && known !== undefined && pin !== known)
      throw new LeptaError(
        "wrong-root",
        `this directory belongs to the broker ${known}, and the address pins ${pin}: give that broker's address, or ` +
          "choose another directory",
      );
    const bytes = await readKeys(options.transport, url).catch((error: unknown) => {
      if (remembered === undefined || !(error instanceof LeptaError)) throw error;
      return remembered;
    });
    const trusted = pin ?? known ?? orThrow(readRootKey(bytes)).id;
    const now = runtime.now();
    const revoked = remembered === undefined ? undefined : await readRevocations(remembered, trusted, now);
    const verified = await verifyBrokerKeys(bytes, trusted, suite, now, revoked);
    if (isRefusal(verified) && verified.code === "wrong-root")
      throw new LeptaError("wrong-root", `${url} is not the broker ${trusted}: check the address`);
    const keys = orThrow(verified);
    const isFresh = bytes !== remembered;
    if (isFresh) await options.remember(keys.list);
    // What is remembered may be old: it is read anew as soon as the broker is back.
    return new BrokerLink(url, keys, isFresh ? now : 0, options);
  }

  /** The broker's keys, read again before they end and every ten minutes of use. */
  async keys(): Promise<BrokerKeys> {
    if (this.#options.runtime.now() >= this.#keys.sealingKeyNotAfter) await this.refresh();
    else this.#refreshSoon();
    return this.#keys;
  }

  /** What certificates and credentials are checked against, as it is known now: nobody waits for the broker. */
  trust(): Trust {
    this.#refreshSoon();
    return this.#keys.trust;
  }

  /** Reads the broker's keys again: an answer was signed by one that we do not know. */
  async refresh(): Promise<void> {
    const { transport, suite, runtime } = this.#options;
    const bytes = await readKeys(transport, this.url);
    const now = runtime.now();
    for (let attempt = 0; attempt < limits.deliveryAttempts; attempt += 1) {
      const before = this.#keys;
      const keys = orThrow(await verifyBrokerKeys(bytes, this.network, suite, now, before.revocations));
      // What another reading has learned meanwhile is kept: nothing takes a revocation back.
      if (before !== this.#keys) continue;
      this.#keys = keys;
      this.#readAt = now;
      if (!equalBytes(keys.list, before.list)) await this.#options.remember(keys.list);
      return;
    }
    throw new LeptaError("busy", "the broker's keys are being read");
  }

  /** Nobody waits for it: the keys that we have are good until they end, and a broker that is away stops nobody. */
  #refreshSoon(): void {
    const now = this.#options.runtime.now();
    const isDue =
      this.#keys.sealingKeyNotAfter - now <= REFRESH_BEFORE || now - this.#readAt >= REFRESH_EVERY;
    if (!isDue || now < this.#refreshNext) return;
    this.#refreshNext = now + REFRESH_PAUSE;
    this.refresh().catch(() => undefined);
  }

  /** Seals a message to the broker: the exact bytes to persist and to send. */
  async seal(message: Signed<MessageType>, beside: Beside = {}): Promise<Uint8Array> {
    const { sealingKey } = await this.keys();
    return sealMessage(message, sealingKey, this.#options.runtime.random, beside);
  }

  /** Sends sealed bytes, again while the outcome is not known, and checks the answer. */
  async ask<M extends MessageType>(
    path: string,
    sealed: Uint8Array,
    expected: ExpectedAnswer<M>,
  ): Promise<Or<VerifiedOf<M>>> {
    let answer = await this.#askOnce(path, sealed, expected);
    for (let attempt = 1; attempt < limits.deliveryAttempts && isRetriable(answer); attempt += 1) {
      await this.#options.runtime.sleep(50 * 2 ** attempt);
      answer = await this.#askOnce(path, sealed, expected);
    }
    return answer;
  }

  /** Checks a signed answer of the broker that came another way. */
  async verify<O extends AnyOpened>(opened: O, purpose: Purpose, to: Uid): Promise<Or<O & IsVerified>> {
    const { watch, runtime } = this.#options;
    const verified = await this.#check(opened, purpose, to);
    return took(watch, runtime.now(), verified);
  }

  async #check<O extends AnyOpened>(opened: O, purpose: Purpose, to: Uid): Promise<Or<O & IsVerified>> {
    const now = this.#options.runtime.now();
    const check = () => verifyAnswer(opened, this.#keys, purpose, to, now);
    const first = await check();
    if (!isRefusal(first) || first.code !== "unauthentic") return first;
    try {
      await this.refresh();
    } catch (error) {
      if (error instanceof LeptaError) return first;
      throw error;
    }
    return check();
  }

  /** The certificate of an operational key that the broker's list shows, for those who keep what it signed. */
  certificateOf(key: Uid): Uint8Array | undefined {
    return this.#keys.keys.get(key)?.certificate;
  }

  async #askOnce<M extends MessageType>(
    path: string,
    sealed: Uint8Array,
    expected: ExpectedAnswer<M>,
  ): Promise<Or<VerifiedOf<M>>> {
    const response = await this.#post(path, sealed);
    if (isRefusal(response)) return response;
    if (response.contentType.startsWith(ERROR_MEDIA_TYPE)) return readError(response.body);
    const { opening } = expected;
    const opened = await openMessage(response.body, expected.accepted, (kid) =>
      kid === opening.id ? opening : undefined,
    );
    if (isRefusal(opened)) return opened;
    const verified = await this.verify(opened, expected.purpose, expected.to);
    if (isRefusal(verified)) return verified;
    const { txn, request } = verified.payload as { readonly txn: string; readonly request?: string };
    return txn === expected.txn && request === expected.digest ? verified : refuse("wrong-reference");
  }

  async #post(path: string, sealed: Uint8Array) {
    try {
      return await this.#options.transport("POST", this.url + path, sealed);
    } catch (error) {
      if (error instanceof LeptaError) return refuse(error.code, error.message);
      throw error;
    }
  }
}

/** Splits an address into URL and pin. Throws `not-pinned` where there is no pin and the host is not loopback. */
function readAddress(address: string): { readonly url: string; readonly pin: Uid | undefined } {
  const parsed = URL.parse(address);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) throw new LeptaError("not-pinned", address);
  const pin = parsed.hash.slice(1);
  const isLoopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(parsed.hostname);
  if (pin === "" ? !isLoopback : !isUid(pin)) throw new LeptaError("not-pinned", address);
  if (parsed.protocol === "http:" && !isLoopback)
    throw new LeptaError("not-pinned", "only a loopback broker goes without TLS");
  return { url: parsed.origin + parsed.pathname.replace(/\/$/, ""), pin: pin === "" ? undefined : pin };
}

async function readKeys(transport: BrokerTransport, url: string): Promise<Uint8Array> {
  const { contentType, body } = await transport("GET", `${url}/keys`, undefined);
  if (contentType.startsWith(ERROR_MEDIA_TYPE)) {
    const error = readError(body);
    throw new LeptaError(error.code, url);
  }
  return body;
}

function readError(body: Uint8Array) {
  const error = decodeAs(errorCodec, body);
  if (isRefusal(error)) return error;
  return refuse(isErrorCode(error.code) ? error.code : "internal");
}

const isRetriable = (answer: Or<unknown>): boolean => isRefusal(answer) && isToRepeat(answer.code);
