/**
 * Holds what comes while its reader pauses. A browser cannot ask the other side of a connection to wait: beyond the bound
 * nothing is left but to close it.
 */
import { limits } from "@lepta/protocol";

/** What a held message costs besides its bytes. */
const EACH = 64;

export class Gate {
  readonly #handOut: (message: Uint8Array) => void;
  #held: Uint8Array[] = [];
  #cost = 0;
  #pauses = 0;
  #isHandingOut = false;
  #ending: (() => void) | undefined;

  constructor(handOut: (message: Uint8Array) => void) {
    this.#handOut = handOut;
  }

  /** Hands a message on, or holds it; tells whether there was room. */
  take(message: Uint8Array): boolean {
    this.#held.push(message);
    this.#cost += message.length + EACH;
    this.#handOutAll();
    return this.#cost <= limits.heldBytes;
  }

  /** Holds what comes until each who has paused has resumed. */
  pause(): void {
    this.#pauses += 1;
  }

  resume(): void {
    this.#pauses -= 1;
    this.#handOutAll();
  }

  /** Nobody wants what is held. */
  drop(): void {
    this.#held = [];
    this.#cost = 0;
    this.#handOutAll();
  }

  /** Nothing more comes: does this once after the last message that is held. */
  end(work: () => void): void {
    this.#ending = work;
    this.#handOutAll();
  }

  #handOutAll(): void {
    // Who is handed a message may pause and resume: the loop that runs goes on.
    if (this.#isHandingOut) return;
    this.#isHandingOut = true;
    try {
      while (this.#pauses === 0) {
        const message = this.#held.shift();
        if (message === undefined) break;
        this.#cost -= message.length + EACH;
        this.#handOut(message);
      }
    } finally {
      this.#isHandingOut = false;
    }
    if (this.#held.length > 0) return;
    const ending = this.#ending;
    this.#ending = undefined;
    ending?.();
  }
}
