/** The parties' stores as one incarnation sees them: through its life, sometimes slow, the broker's table sometimes busy. */
import type { Key, Store, Write } from "@lepta/lambdas";
import type { PeerStore } from "@lepta/peer-sdk";
import { StoreBusy } from "../../lambdas/src/ports/store.ts";
import { mortalLog } from "../support/mortal-log.ts";
import type { Clock } from "./clock.ts";
import type { Life } from "./life.ts";
import type { Weather } from "./weather.ts";

export interface Surroundings {
  readonly life: Life;
  readonly clock: Clock;
  readonly weather: Weather;
}

/** A peer's store; `inner` is what is on its disk. */
export function livePeerStore(inner: PeerStore, { life, clock, weather }: Surroundings): PeerStore {
  const slowly = async <T>(work: () => Promise<T>): Promise<T> => {
    const delay = weather.slowness("store");
    if (delay > 0) await clock.sleep(delay);
    return work();
  };
  return {
    get: (key) => life.call(`store get ${tableOf(key)}`, () => slowly(() => inner.get(key))),
    list: (prefix, options) =>
      life.call(`store list ${tableOf(prefix)}`, () => slowly(() => inner.list(prefix, options))),
    commit: (changes) => {
      const tables = namesOf(changes, ({ key }) => tableOf(key));
      return life.call(`store commit ${tables}`, () => slowly(() => inner.commit(changes)));
    },
    openLog: async (name) => {
      const { log, found } = await life.call(`log open ${name}`, () => slowly(() => inner.openLog(name)));
      const mortal = mortalLog(log, {
        isDead: () => life.isDead,
        around: (sync) => life.call(`log sync ${name}`, () => slowly(sync)),
      });
      life.onDeath(() => mortal.die((unsynced) => weather.survivors(unsynced)));
      return { log: mortal.log, found };
    },
    close: async () => {},
  };
}

const tableOf = (key: string): string => key.slice(0, key.indexOf("/"));

function namesOf<T>(list: readonly T[], nameOf: (each: T) => string): string {
  if (list.length === 1 && list[0] !== undefined) return nameOf(list[0]);
  return [...new Set(list.map(nameOf))].sort().join(",");
}

/** The broker's table as one function instance sees it. `isHonest` tables do not say `moved` where nothing has moved. */
export function liveTable(
  inner: Store,
  { life, clock, weather }: Surroundings,
  options: { readonly isHonest?: boolean } = {},
): Store {
  const slowly = async <T>(work: () => Promise<T>): Promise<T> => {
    const delay = weather.slowness("table");
    if (delay > 0) await clock.sleep(delay);
    return work();
  };
  const read = <T>(work: () => Promise<T>): Promise<T> => {
    if (weather.isThrottled()) throw new StoreBusy();
    return slowly(work);
  };
  const commit = async (writes: readonly Write[]): Promise<"committed" | "moved"> => {
    const fault = weather.commitFault();
    if (fault === "busy-before") throw new StoreBusy();
    if (fault === "moved-before" && options.isHonest !== true) return "moved";
    const outcome = await slowly(() => inner.commit(writes));
    if (fault === "busy-after") throw new StoreBusy();
    // An adapter's retry that met its own write.
    return fault === "moved-after" ? "moved" : outcome;
  };
  return {
    get: (keys) => life.call(`table get ${namesOf(keys, itemKind)}`, async () => read(() => inner.get(keys))),
    list: (pk, more) =>
      life.call(`table list ${pk.split("#")[0]}`, async () => read(() => inner.list(pk, more))),
    commit: (writes) =>
      life.call(`table commit ${namesOf(writes, ({ at }) => itemKind(at))}`, () => commit(writes)),
  };
}

/** The kind of an item, from its key. */
export function itemKind({ pk, sk }: Key): string {
  const partition = pk.slice(0, separator(pk));
  return partition === "PEER" || partition === "MERCHANT" || partition === "KEYS"
    ? sk.slice(0, separator(sk))
    : partition;
}

function separator(text: string): number {
  const at = text.indexOf("#");
  return at < 0 ? text.length : at;
}
