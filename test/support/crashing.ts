/** A store that throws at its n-th call or commit, before or after it was done: what a crash looks like from outside. */
import type { Store } from "@lepta/lambdas";

export interface Crashing {
  readonly around: (store: Store) => Store;
  /** From now on calls count; the n-th crashes. */
  arm(at: number, moment: "before" | "after"): void;
  disarm(): void;
  /** Whether the n-th came. */
  reached(): boolean;
}

/** Counts commits alone, so that a test reaches every one of them with few turns. */
export function crashingStore(): Crashing {
  let death: { readonly at: number; readonly moment: "before" | "after" } | undefined;
  let commits = 0;
  let isReached = false;
  return {
    around: (store) => ({
      ...store,
      commit: async (writes) => {
        if (death === undefined) return store.commit(writes);
        commits += 1;
        if (commits !== death.at) return store.commit(writes);
        isReached = true;
        if (death.moment === "before") throw new Error("crashed before the commit");
        await store.commit(writes);
        throw new Error("crashed after the commit");
      },
    }),
    arm: (at, moment) => {
      death = { at, moment };
      commits = 0;
      isReached = false;
    },
    disarm: () => {
      death = undefined;
    },
    reached: () => isReached,
  };
}

/** Every commit that these flows have, before and after it. */
export const crashPoints = [1, 2, 3, 4].flatMap((at) =>
  (["before", "after"] as const).map((moment) => [at, moment] as const),
);
