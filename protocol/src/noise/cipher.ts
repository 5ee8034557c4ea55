/** One direction of a session after its handshake: Noise's CipherState, in whose place a nonce is never chosen. */
import { LeptaError, type Or, refuse } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Awaitable } from "../suite/suite.ts";
import { type Aead, countTo, newNonce, TAG_LENGTH } from "./crypto.ts";

/** Messages one after the other, none left out, under one key. */
export interface Cipher {
  /** Messages that this key may still seal or open. */
  readonly left: number;
  /**
   * One byte that is not part of Noise, then the sealed message. The bytes must stay as they are until the answer is there. Throws
   * where none is left.
   */
  seal(plain: Uint8Array, lead: number): Awaitable<Uint8Array>;
  /**
   * What was sealed, from a message that begins at `offset`; `malformed` where it is too short and `unauthentic` where it is
   * not the next one. After either nothing opens any more.
   */
  open(message: Uint8Array, offset: number): Awaitable<Or<Uint8Array>>;
  /** Nothing is sealed or opened for a while: what that needs beside the key goes, and comes again by itself. */
  rest?(): void;
}

/** The cipher under a key that has sealed or opened `count` messages. */
export class CountingCipher implements Cipher {
  readonly #aead: Aead;
  #count: number;
  #isBroken = false;
  /** Where the library answers later: the message before. */
  #before: Promise<unknown> | undefined;

  constructor(aead: Aead, count = 0) {
    this.#aead = aead;
    this.#count = count;
  }

  get left(): number {
    return this.#isBroken ? 0 : limits.cipherMessages - this.#count;
  }

  seal(plain: Uint8Array, lead: number): Awaitable<Uint8Array> {
    if (this.left <= 0) throw new LeptaError("internal", "a key of a session is used up");
    const sealed = this.#aead.seal(this.#next(), plain, 1);
    if (sealed instanceof Promise) return sealed.then((message) => withLead(message, lead));
    return withLead(sealed, lead);
  }

  open(message: Uint8Array, offset: number): Awaitable<Or<Uint8Array>> {
    const opened = this.#tryOpen(message, offset);
    if (!(opened instanceof Promise) && this.#before === undefined) return this.#judge(opened);
    // All are begun at once, but none is believed before the one that came before it.
    const mine = Promise.all([opened, this.#before]).then(([plain]) => this.#judge(plain));
    this.#before = mine;
    return mine;
  }

  rest(): void {
    this.#aead.rest?.();
  }

  #tryOpen(message: Uint8Array, offset: number): Awaitable<Or<Uint8Array> | undefined> {
    if (message.length < offset + TAG_LENGTH) return refuse("malformed", "shorter than a tag");
    return this.left > 0 ? this.#aead.open(this.#next(), message, offset) : undefined;
  }

  #judge(opened: Or<Uint8Array> | undefined): Or<Uint8Array> {
    if (!this.#isBroken && opened instanceof Uint8Array) return opened;
    this.#isBroken = true;
    return opened instanceof Uint8Array || opened === undefined ? refuse("unauthentic") : opened;
  }

  #next(): Uint8Array {
    countTo(counter, this.#count);
    this.#count += 1;
    return nonce;
  }
}

/** For all ciphers: whoever works under a nonce has copied it when he returns. */
const counter = newNonce();
const nonce = new Uint8Array(counter.buffer);

function withLead(message: Uint8Array, lead: number): Uint8Array {
  message[0] = lead;
  return message;
}
