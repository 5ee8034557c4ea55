/** What somebody on the line has seen: the last frames, to be played again. */
import type { Draws } from "./random.ts";

export interface ToBroker {
  readonly path: string;
  readonly body: Uint8Array;
}

export interface ToMerchant {
  readonly url: string;
  readonly messages: readonly Uint8Array[];
  /** With what its sender had said hello there. */
  readonly hello: readonly Uint8Array[] | undefined;
}

export class Recorder {
  readonly #requests: ToBroker[] = [];
  readonly #frames: ToMerchant[] = [];
  readonly #hellos = new Map<string, readonly Uint8Array[]>();
  #seen = 0;

  toBroker(path: string, body: Uint8Array): void {
    this.#keep(this.#requests, { path, body });
  }

  toMerchant(from: string, url: string, kinds: string, messages: readonly Uint8Array[]): void {
    if (kinds === "hello") this.#hellos.set(`${from} ${url}`, messages);
    else this.#keep(this.#frames, { url, messages, hello: this.#hellos.get(`${from} ${url}`) });
  }

  request(draws: Draws): ToBroker | undefined {
    return this.#requests.length === 0 ? undefined : draws.pick(this.#requests);
  }

  frame(draws: Draws): ToMerchant | undefined {
    return this.#frames.length === 0 ? undefined : draws.pick(this.#frames);
  }

  /** The place of the oldest is taken by the newest. */
  #keep<T>(list: T[], each: T): void {
    this.#seen += 1;
    if (list.length < MOST) list.push(each);
    else list[this.#seen % MOST] = each;
  }
}

const MOST = 64;
