/** One thing that `doctor` looked at. */
import { sentenceFor } from "./fault.ts";

export interface Check {
  /** Stable, for scripts: `root key`, `table backups`. */
  readonly name: string;
  readonly state: "ok" | "wrong" | "not checked";
  readonly says: string;
  /** What to do where it is wrong. */
  readonly remedy?: string;
}

export const ok = (name: string, says: string): Check => ({ name, state: "ok", says });
export const wrong = (name: string, says: string, remedy: string): Check => ({
  name,
  state: "wrong",
  says,
  remedy,
});
export const notChecked = (name: string, says: string): Check => ({ name, state: "not checked", says });

/** Ok or wrong, as a condition says. */
export const judge = (name: string, holds: boolean, good: string, bad: string, remedy: string): Check =>
  holds ? ok(name, good) : wrong(name, bad, remedy);

/** What a walk finds; where it cannot be walked, that is what is wrong. */
export async function walked(name: string, walk: () => Promise<readonly Check[]>): Promise<readonly Check[]> {
  try {
    return await walk();
  } catch (error) {
    return [wrong(name, sentenceFor(error), "mend this first, then run doctor again")];
  }
}
