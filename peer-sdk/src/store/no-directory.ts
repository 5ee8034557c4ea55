/** A browser has no directories: `#directory` where a bundler builds for one. */
import { LeptaError } from "@lepta/protocol";
import type { PeerStore } from "../ports.ts";

/** Throws `store-damaged`: a store has to be brought. */
export function sqlitePeerStore(dir: string): PeerStore {
  throw new LeptaError("store-damaged", `${dir}: here are no directories: bring a store`);
}
