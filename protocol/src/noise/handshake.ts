/** Noise_XX_25519_AESGCM_SHA256 (noiseprotocol.org, revision 34): three messages, after which each side knows the other's static key. */
import { concat, utf8 } from "../bytes.ts";
import { isRefusal, LeptaError, type Or, refuse } from "../errors.ts";
import { limits } from "../limits.ts";
import type { AgreementKey, Awaitable, Random } from "../suite/suite.ts";
import { type Cipher, CountingCipher } from "./cipher.ts";
import type { NoiseCrypto } from "./crypto.ts";
import { Transcript } from "./transcript.ts";

/** What one side brings to a handshake. */
export interface HandshakeOptions {
  readonly role: "initiator" | "responder";
  /** What both sides must agree on beforehand. */
  readonly prologue: Uint8Array;
  /** The static key that this side proves to hold. */
  readonly own: AgreementKey;
  readonly crypto: NoiseCrypto;
  readonly random: Random;
}

/** What a handshake leaves. */
export interface Agreed {
  /** The handshake's hash: 32 bytes, the same on both sides and in no other session. */
  readonly opening: Uint8Array;
  readonly send: Cipher;
  readonly receive: Cipher;
}

/** One side of a handshake; the initiator writes, reads and writes. What is called out of turn throws. */
export interface Handshake {
  /** The other side's static public key, 32 bytes, once it has proved to hold it. */
  readonly remote: Uint8Array | undefined;
  /** The next message with a payload of ours. That of the first message travels in the clear. */
  write(payload: Uint8Array): Awaitable<Uint8Array>;
  /** The payload of the other side's message, or `malformed`, `unauthentic`: the handshake is over then. */
  read(message: Uint8Array): Awaitable<Or<Uint8Array>>;
  /** After the third message, once: two ciphers of one key would use its nonces twice. */
  finish(): Agreed;
}

/** Begins one side's handshake; its ephemeral key is made of 32 random bytes. */
export const startHandshake = (options: HandshakeOptions): Handshake => new PatternXX(options);

const PROTOCOL = utf8("Noise_XX_25519_AESGCM_SHA256");
const POINT_LENGTH = 32;

type Token = "e" | "s" | "ee" | "es" | "se";
/** What each message holds before its payload; the initiator sends the first. */
const pattern: readonly (readonly Token[])[] = [["e"], ["e", "ee", "s", "es"], ["s", "se"]];

class PatternXX implements Handshake {
  readonly #isInitiator: boolean;
  readonly #own: AgreementKey;
  readonly #crypto: NoiseCrypto;
  readonly #random: Random;
  readonly #transcript: Transcript;
  #ephemeral: AgreementKey | undefined;
  #theirEphemeral: Uint8Array | undefined;
  #theirStatic: Uint8Array | undefined;
  #remote: Uint8Array | undefined;
  /** The responder knows this secret from the first message on. */
  #early: Uint8Array | undefined;
  /** The next message, or undefined: one is being worked on, or one has failed, or all is over. */
  #step: number | undefined = 0;

  constructor({ role, prologue, own, crypto, random }: HandshakeOptions) {
    this.#isInitiator = role === "initiator";
    this.#own = own;
    this.#crypto = crypto;
    this.#random = random;
    this.#transcript = new Transcript(crypto, PROTOCOL);
    this.#transcript.mixHash(prologue);
  }

  get remote(): Uint8Array | undefined {
    return this.#remote;
  }

  async write(payload: Uint8Array): Promise<Uint8Array> {
    const step = this.#begin("write");
    const parts: Uint8Array[] = [];
    for (const token of pattern[step] ?? []) {
      if (token === "e") parts.push(await this.#writeEphemeral());
      else if (token === "s") parts.push(await this.#transcript.seal(this.#own.publicKey));
      else if (isRefusal(await this.#agree(token))) throw fault("a key that was checked does not agree");
    }
    parts.push(await this.#transcript.seal(payload));
    const message = concat(...parts);
    if (message.length > limits.handshakeBytes) throw fault("a payload that is too long");
    this.#step = step + 1;
    return message;
  }

  async read(message: Uint8Array): Promise<Or<Uint8Array>> {
    const step = this.#begin("read");
    if (message.length > limits.handshakeBytes) return refuse("malformed", "too long for a handshake");
    let rest = message;
    for (const token of pattern[step] ?? []) {
      const length =
        token === "e" ? POINT_LENGTH : token === "s" ? POINT_LENGTH + this.#transcript.overhead : 0;
      if (rest.length < length) return refuse("malformed", "too short for a handshake");
      const refused = await this.#readToken(token, rest.slice(0, length));
      if (isRefusal(refused)) return refused;
      rest = rest.subarray(length);
    }
    const payload = await this.#transcript.open(rest);
    if (isRefusal(payload)) return payload;
    // The payload opens only under what the static key agrees on.
    this.#remote = this.#theirStatic;
    this.#step = step + 1;
    return payload;
  }

  finish(): Agreed {
    if (this.#step !== pattern.length) throw fault("not complete, or finished before");
    this.#step = undefined;
    const [initiators, responders] = this.#transcript.split();
    const [ours, theirs] = this.#isInitiator ? [initiators, responders] : [responders, initiators];
    return {
      opening: this.#transcript.hash,
      send: new CountingCipher(this.#crypto.aead(ours)),
      receive: new CountingCipher(this.#crypto.aead(theirs)),
    };
  }

  /** Whose turn it is, from the first call on until it has ended well. */
  #begin(what: "write" | "read"): number {
    const step = this.#step;
    const isOurs = step !== undefined && (step % 2 === 0) === this.#isInitiator;
    if (step === undefined || step >= pattern.length || isOurs !== (what === "write"))
      throw fault(`${what} out of turn`);
    this.#step = undefined;
    return step;
  }

  async #writeEphemeral(): Promise<Uint8Array> {
    this.#ephemeral = await this.#crypto.agreementKey(this.#random(32));
    this.#transcript.mixHash(this.#ephemeral.publicKey);
    return this.#ephemeral.publicKey;
  }

  async #readToken(token: Token, bytes: Uint8Array): Promise<Or<void>> {
    if (token === "e") return this.#readEphemeral(bytes);
    if (token !== "s") return this.#agree(token);
    const point = await this.#transcript.open(bytes);
    if (isRefusal(point)) return point;
    this.#theirStatic = point;
  }

  /** A point of low order is refused here and not when we write: agreeing with our static key tells, and is needed anyway. */
  async #readEphemeral(point: Uint8Array): Promise<Or<void>> {
    this.#theirEphemeral = point;
    this.#transcript.mixHash(point);
    if (this.#isInitiator) return;
    const secret = await this.#own.agree(point);
    if (isRefusal(secret)) return secret;
    this.#early = secret;
  }

  async #agree(token: "ee" | "es" | "se"): Promise<Or<void>> {
    const secret = await this.#secret(token);
    if (isRefusal(secret)) return secret;
    this.#transcript.mixKey(secret);
  }

  /** The first letter is the initiator's key, the second the responder's. */
  #secret(token: "ee" | "es" | "se"): Awaitable<Or<Uint8Array>> {
    if (token === "es" && this.#early !== undefined) return this.#early;
    const [ours, theirs] = this.#isInitiator ? [token[0], token[1]] : [token[1], token[0]];
    const key = ours === "e" ? this.#ephemeral : this.#own;
    const point = theirs === "e" ? this.#theirEphemeral : this.#theirStatic;
    if (key === undefined || point === undefined) throw fault("a key that has not come yet");
    return key.agree(point);
  }
}

const fault = (detail: string): LeptaError => new LeptaError("internal", `handshake: ${detail}`);
