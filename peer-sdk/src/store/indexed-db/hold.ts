/** Only one tab has a store open: a Web Lock, which the browser gives back when the tab is gone, however it went. */
import { LeptaError } from "@lepta/protocol/core";

export interface Held {
  /** Resolves when the next one may take it. */
  release(): Promise<void>;
}

/**
 * Takes the lock of this name. Throws `store-locked` where another has it, with `wait` only when that signal says so; `lost` is
 * told where somebody takes it from us.
 */
export function hold(
  locks: LockManager,
  name: string,
  wait: AbortSignal | undefined,
  lost: () => void,
): Promise<Held> {
  const released = Promise.withResolvers<void>();
  let isHeld = false;
  return new Promise((resolve, reject) => {
    // Chromium does not always end a request whose signal says so: what it grants afterwards is given back.
    wait?.addEventListener("abort", () => reject(locked(name)), { once: true });
    const ended = locks.request(
      name,
      wait === undefined ? { ifAvailable: true } : { signal: wait },
      (lock) => {
        if (lock === null) throw locked(name);
        if (wait?.aborted === true) return undefined;
        isHeld = true;
        resolve({
          release: async () => {
            isHeld = false;
            released.resolve();
            await settled;
          },
        });
        return released.promise;
      },
    );
    const settled = ended.catch((error: unknown) => {
      if (isHeld) lost();
      else reject(wait?.aborted === true ? locked(name) : error);
    });
  });
}

const locked = (name: string): LeptaError =>
  new LeptaError("store-locked", `${name}: close the other tab that uses it, or go on there`);
