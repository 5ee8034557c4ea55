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
  /** Those of money's way back, which are few, apart from the others. */
  readonly #returns: ToBroker[] = [];
  readonly #returnFrames: ToMerchant[] = [];
  #seen = 0;

  toBroker(path: string, body: Uint8Array): void {
    this.#keep(this.#requests, { path, body });
    if (RETURNS.has(path)) this.#keep(this.#returns, { path, body });
  }

  toMerchant(from: string, url: string, kinds: string, messages: readonly Uint8Array[]): void {
    if (kinds === "hello") this.#hellos.set(`${from} ${url}`, messages);
    else {
      const frame = { url, messages, hello: this.#hellos.get(`${from} ${url}`) };
      this.#keep(this.#frames, frame);
      if (kinds.startsWith("refund") || kinds.startsWith("renewal")) this.#keep(this.#returnFrames, frame);
    }
  }

  request(draws: Draws): ToBroker | undefined {
    return this.#requests.length === 0 ? undefined : draws.pick(this.#requests);
  }

  /** One by which money came back, or was to. */
  requestBack(draws: Draws): ToBroker | undefined {
    return this.#returns.length === 0 ? undefined : draws.pick(this.#returns);
  }

  frameBack(draws: Draws): ToMerchant | undefined {
    return this.#returnFrames.length === 0 ? undefined : draws.pick(this.#returnFrames);
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
const RETURNS: ReadonlySet<string> = new Set([
  "/renew",
  "/redeem",
  "/refund",
  "/reversal",
  "/claim",
  "/settle",
]);
