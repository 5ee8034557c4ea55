/** `dev.json`: where the last `lepta dev` of a directory listened. Other commands find broker and merchant in it. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface DevFile {
  /** Pinned to the root key. */
  readonly broker: string;
  /** Pinned to the merchant's UID. */
  readonly merchant: string;
  readonly page: string;
  /** Where pages are paid for over HTTP. */
  readonly site: string;
}

const NAME = "dev.json";

/** Undefined where there is none, or it says something else: it is written anew at every start. */
export function readDevFile(dir: string): DevFile | undefined {
  try {
    const { broker, merchant, page, site } = JSON.parse(readFileSync(join(dir, NAME), "utf8"));
    return [broker, merchant, page, site].every((each) => typeof each === "string" && URL.canParse(each))
      ? { broker, merchant, page, site }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all: a command in another terminal may be reading it. */
export function writeDevFile(dir: string, file: DevFile): void {
  const path = join(dir, NAME);
  writeFileSync(`${path}.new`, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
