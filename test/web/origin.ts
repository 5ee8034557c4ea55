/** An origin with its tabs, in one process: what they say to each other, and the one store that only one of them has. */
import { LeptaError, memoryPeerStore, type PeerStore } from "@lepta/peer-sdk";
import type { Airwaves, Message } from "../../web/src/shared/airwaves.ts";
import type { OpenStore } from "../../web/src/shared/tenancy.ts";

export interface Tab {
  readonly airwaves: () => Airwaves;
  readonly openStore: OpenStore;
  /** The tab is gone, in the middle of whatever it did: its lock is free, and it is heard no more. */
  die(): void;
  /** The browser takes the store away from it. */
  takeStore(): void;
}

export class Origin {
  /** All that was said, in its order. */
  readonly said: Message[] = [];
  readonly disk = memoryPeerStore();
  readonly #heard = new Map<Tab, (message: Message) => void>();
  #holder: Tab | undefined;
  readonly #waiting: { readonly tab: Tab; take(): void }[] = [];

  tab(): Tab {
    let isDead = false;
    let lose = (): void => {};
    const tab: Tab = {
      airwaves: () => ({
        post: (message) => {
          if (!isDead) this.say(message, tab);
        },
        listen: (heard) => this.#heard.set(tab, heard),
        close: () => this.#heard.delete(tab),
      }),
      openStore: async (_, { wait, lost = () => {} }) => {
        await this.#lock(tab, wait as AbortSignal | undefined);
        let isLost = false;
        lose = () => {
          isLost = true;
          lost();
        };
        return this.#storeOf(tab, () => isLost || isDead);
      },
      die: () => {
        isDead = true;
        this.#heard.delete(tab);
        this.#unlock(tab);
      },
      takeStore: () => {
        lose();
        this.#unlock(tab);
      },
    };
    return tab;
  }

  /** Says something to all tabs but one, as they would hear it: a copy, later. */
  say(message: Message, by?: Tab): void {
    const copy = structuredClone(message);
    this.said.push(copy);
    for (const tab of [...this.#heard.keys()])
      if (tab !== by) queueMicrotask(() => this.#heard.get(tab)?.(structuredClone(copy)));
  }

  async #lock(tab: Tab, wait: AbortSignal | undefined): Promise<void> {
    if (wait?.aborted === true) throw new LeptaError("store-locked");
    if (this.#holder === undefined) {
      this.#holder = tab;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const waiting = {
        tab,
        take: () => {
          this.#holder = tab;
          resolve();
        },
      };
      this.#waiting.push(waiting);
      wait?.addEventListener("abort", () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting) >>> 0, 1);
        reject(new LeptaError("store-locked"));
      });
    });
  }

  #unlock(tab: Tab): void {
    if (this.#holder !== tab) return;
    this.#holder = undefined;
    this.#waiting.shift()?.take();
  }

  /** What a tab that is gone writes reaches nothing. */
  #storeOf(tab: Tab, isOver: () => boolean): PeerStore {
    const living = async <T>(work: () => Promise<T>): Promise<T> => {
      if (isOver()) throw new LeptaError("closed");
      return work();
    };
    return {
      get: (key) => living(() => this.disk.get(key)),
      list: (prefix, options) => living(() => this.disk.list(prefix, options)),
      commit: (changes) => living(() => this.disk.commit(changes)),
      openLog: (name) => living(() => this.disk.openLog(name)),
      close: async () => this.#unlock(tab),
    };
  }
}
