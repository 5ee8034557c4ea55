/** Lepta's directory: where it is, and what the commands remember there beside the SDK's own directories. */
import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { httpTransport } from "@lepta/peer-sdk";
import { orThrow, readRootKey } from "@lepta/protocol";
import { UsageFault } from "../usage.ts";
import type { Context, Io } from "./command.ts";
import { exit, Fault } from "./fault.ts";
import { replaceFile } from "./private-file.ts";

/** Who keeps an SDK's directory in it. */
export type Role = "wallet" | "merchant";

/** `--home`, `$LEPTA_HOME`, `.lepta` under the current directory if it is there, else `~/.lepta`. */
export function findHome(
  option: string | undefined,
  { env, cwd, userHome }: Pick<Io, "env" | "cwd" | "userHome">,
): string {
  const named = option ?? env.LEPTA_HOME ?? "";
  if (named !== "") return resolve(cwd, named);
  const here = join(cwd, ".lepta");
  return existsSync(here) ? here : join(userHome, ".lepta");
}

/** The SDK's directory. */
export const directoryOf = (home: string, role: Role): string => join(home, role);

/** What is remembered of a role: which broker, pinned, and the account where one was given. */
export interface Remembered {
  readonly broker: string;
  /** A broker that was restored from a backup may ask for them again. */
  readonly account?: string;
  readonly mandate?: string;
}

/** What `init` has written; undefined where it has not. Throws a `Fault` where that cannot be read. */
export async function recall(home: string, role: Role): Promise<Remembered | undefined> {
  mustBeOurs(home);
  const path = fileOf(home, role);
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  const broker = memberOf(text, "broker");
  if (broker === undefined)
    throw new Fault(
      "home-damaged",
      `${path} cannot be read.`,
      `Remove it, and give lepta ${role} init --broker the broker's address again: keys and money are not in it.`,
    );
  const account = memberOf(text, "account");
  const mandate = memberOf(text, "mandate");
  return { broker, ...(account && { account }), ...(mandate && { mandate }) };
}

export const remember = (home: string, role: Role, remembered: Remembered): Promise<void> =>
  replaceFile(fileOf(home, role), `${JSON.stringify(remembered, null, 2)}\n`);

/** Whether the user has said which broker is meant. */
export const isBrokerNamed = ({ option, env }: Pick<Context, "option" | "env">): boolean =>
  (option("broker") ?? env.LEPTA_BROKER ?? "") !== "";

/** The broker that is meant: `--broker`, `$LEPTA_BROKER`, or the one that `lepta dev` runs for this home. */
export async function brokerFor(context: Context): Promise<string> {
  const { option, env, home } = context;
  if (isBrokerNamed(context)) return option("broker") ?? env.LEPTA_BROKER ?? "";
  const dev = await readIfThere(join(home, "dev.json"));
  const broker = dev === undefined ? undefined : memberOf(dev, "broker");
  if (broker !== undefined) return broker;
  throw new UsageFault(
    "say which broker: --broker <address>, as npm start or the broker's operator tells it, or run lepta dev first",
  );
}

/**
 * The address with the pin of its root key. One without a pin is of a broker on this machine: the SDK takes no other, and has
 * been there before.
 */
export async function pinned(address: string): Promise<string> {
  if (new URL(address).hash !== "") return address;
  const { body } = await httpTransport("GET", `${address.replace(/\/$/, "")}/keys`, undefined);
  return `${address}#${orThrow(readRootKey(body)).id}`;
}

/** Another user's directory, such as a `.lepta` that somebody has put there, may hold keys that others know. */
function mustBeOurs(home: string): void {
  const found = statSync(home, { throwIfNoEntry: false });
  const us = process.getuid?.();
  if (found === undefined || us === undefined || found.uid === us) return;
  throw new Fault(
    "foreign-home",
    `${home} belongs to another user.`,
    "Choose a directory of your own with --home or $LEPTA_HOME.",
    exit.usage,
  );
}

const fileOf = (home: string, role: Role): string => join(home, `${role}.json`);

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** A member that is text; undefined where it is none. */
function memberOf(text: string, name: string): string | undefined {
  try {
    const value: unknown = (JSON.parse(text) as Readonly<Record<string, unknown>> | null)?.[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  } catch {
    // Whoever asks says which file it is.
    return undefined;
  }
}
