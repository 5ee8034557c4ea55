/**
 * The messages of a session between two parties, as a WebSocket carries them: both ways, in order, copied. Where one is lost the
 * whole wire is, and each end hears of it in its own time; so it is where either process dies.
 */
import type { Wire, WireEvents } from "@lepta/peer-sdk";
import { HANDSHAKE } from "../../peer-sdk/src/channel/frame.ts";
import type { Clock } from "./clock.ts";
import type { Life } from "./life.ts";
import type { Weather } from "./weather.ts";

/** One end of it. */
export interface WireEnd extends Wire {
  readonly isOpen: boolean;
}

export interface WireOptions {
  readonly clock: Clock;
  readonly weather: Weather;
  /** Whose process is at either end. */
  readonly lives: readonly [Life, Life];
  /** What becomes of a message on its way: itself, unless somebody is there. */
  readonly meddle?: (bytes: Uint8Array) => readonly Uint8Array[];
}

/** Both ends. */
export function openWire(options: WireOptions): readonly [WireEnd, WireEnd] {
  const [ours, theirs] = [new End(options, 0), new End(options, 1)];
  ours.other = theirs;
  theirs.other = ours;
  return [ours, theirs];
}

class End implements WireEnd {
  readonly unsent = 0;
  readonly #options: WireOptions;
  readonly #life: Life;
  other: End | undefined;
  /** What has come, in its order. */
  readonly #come: (Uint8Array | "closed")[] = [];
  #events: WireEvents | undefined;
  #held = 0;
  /** Sends nothing any more: closed here, or the process is gone. */
  #isShut = false;
  /** Has heard of the end. */
  #isOver = false;
  /** Messages to the other end are lost from now on. */
  #isCut = false;
  /** When the last message arrives at the other end: none overtakes it. */
  #lastArrival = 0;

  constructor(options: WireOptions, index: 0 | 1) {
    this.#options = options;
    this.#life = options.lives[index];
    this.#life.onDeath(() => {
      this.#isShut = true;
      // Its machine closes the connection, and sooner or later the other end hears of it.
      this.other?.hearLater(options.weather.unawareness());
    });
  }

  get isOpen(): boolean {
    return !this.#isShut && !this.#isOver;
  }

  send(bytes: Uint8Array): void {
    const { meddle } = this.#options;
    const copy = bytes.slice();
    this.#life.pass(`wire send ${kindOf(copy)}`, () => {
      if (!this.isOpen) return;
      for (const each of meddle?.(copy) ?? [copy]) this.#carry(each);
    });
  }

  pause(): void {
    this.#held += 1;
  }

  resume(): void {
    this.#held -= 1;
    this.#tellSoon();
  }

  close(): void {
    if (!this.isOpen) return;
    this.#isShut = true;
    const { clock, weather } = this.#options;
    // After all that was sent; where that is lost the other end hears of it all the same.
    const transit = weather.transit() ?? weather.unawareness();
    this.other?.hearLater(Math.max(transit, this.#lastArrival - clock.now));
    this.hearLater(weather.unawareness());
  }

  listen(events: WireEvents): void {
    this.#events = events;
    this.#tellSoon();
  }

  /** The end of the connection is known here after so long. */
  hearLater(milliseconds: number): void {
    this.#options.clock.after(milliseconds, () => {
      if (this.#isOver || this.#life.isDead) return;
      this.#isOver = true;
      this.#come.push("closed");
      this.#tell();
    });
  }

  /** Nothing that is sent from here on arrives. */
  cut(): void {
    this.#isCut = true;
  }

  arrive(bytes: Uint8Array): void {
    if (!this.isOpen) return;
    this.#come.push(bytes);
    this.#tell();
  }

  #carry(bytes: Uint8Array): void {
    const { clock, weather } = this.#options;
    if (this.#isCut) return;
    const transit = weather.transit();
    if (transit === undefined) {
      // Nothing gets through any more, either way.
      this.cut();
      this.other?.cut();
      this.hearLater(weather.unawareness());
      this.other?.hearLater(weather.unawareness());
      return;
    }
    this.#lastArrival = Math.max(clock.now + transit, this.#lastArrival);
    clock.after(this.#lastArrival - clock.now, () => this.other?.arrive(bytes));
  }

  #tellSoon(): void {
    this.#options.clock.after(0, () => this.#tell());
  }

  #tell(): void {
    while (this.#held === 0 && this.#events !== undefined && !this.#life.isDead) {
      const next = this.#come.shift();
      if (next === undefined) return;
      const events = this.#events;
      if (next === "closed") this.#life.pass("wire closed", () => events.closed());
      else this.#life.pass(`wire come ${kindOf(next)}`, () => events.message(next));
    }
  }
}

const kindOf = (bytes: Uint8Array): string => (bytes[0] === HANDSHAKE ? "handshake" : "items");
