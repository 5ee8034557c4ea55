import type { PassedMessage } from "@lepta/peer-sdk";

/** Hands what the merchant tells to whoever listens at the time. */
export class Feed {
  readonly #listeners = new Set<(passed: PassedMessage) => void>();

  readonly tell = (passed: PassedMessage): void => {
    for (const listener of this.#listeners) listener(passed);
  };

  readonly listen = (listener: (passed: PassedMessage) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}
