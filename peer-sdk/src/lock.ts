/** One at a time, by name: the next one with a name waits for the one before. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Runs the work when those before it under this name have ended, however they ended. */
  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(name) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#tails.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(name) === mine) this.#tails.delete(name);
    }
  }
}
