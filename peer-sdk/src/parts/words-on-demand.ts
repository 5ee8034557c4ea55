/** The words of recovery phrases in a page: 2048 of them, loaded when they are needed. `#words` where a bundler builds for a browser. */
import type { Words } from "../words.ts";
import { brought } from "./brought.ts";

/** Throws `unreachable` where they cannot be loaded. */
export async function words(): Promise<Words> {
  const part = await brought(() => import("../words.ts"));
  return part.words();
}
