/** What somebody on the line has seen: the last frames, to be played again. */
import type { Draws } from "./random.ts";

export interface ToBroker {
  readonly path: string;
  readonly body: Uint8Array;
}

export interface ToMerchant {
  readonly url: string;
  readonly messages: readonly Uint8Array[];
}

export class Recorder {
  readonly #requests: ToBroker[] = [];
  readonly #frames: ToMerchant[] = [];
  readonly #answers: Uint8Array[] = [];
  #seen = 0;

  toBroker(path: string, body: Uint8Array): void {
    this.#keep(this.#requests, { path, body });
  }

  toMerchant(url: string, messages: readonly Uint8Array[]): void {
    this.#keep(this.#frames, { url, messages });
  }

  fromMerchant(answers: readonly Uint8Array[]): void {
    for (const answer of answers) this.#keep(this.#answers, answer);
  }

  request(draws: Draws): ToBroker | undefined {
    return this.#requests.length === 0 ? undefined : draws.pick(this.#requests);
  }

  frame(draws: Draws): ToMerchant | undefined {
    return this.#frames.length === 0 ? undefined : draws.pick(this.#frames);
  }

  answer(draws: Draws): Uint8Array | undefined {
    return this.#answers.length === 0 ? undefined : draws.pick(this.#answers);
  }

  /** The place of the oldest is taken by the newest. */
  #keep<T>(list: T[], each: T): void {
    this.#seen += 1;
    if (list.length < MOST) list.push(each);
    else list[this.#seen % MOST] = each;
  }
}

const MOST = 64;
