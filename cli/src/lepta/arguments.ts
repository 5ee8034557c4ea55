/** Which command is meant, and what it is given: read strictly against what the command says of itself. */
import { parseStrictly, UsageFault } from "../usage.ts";
import type { Command } from "./command.ts";
import { common } from "./help.ts";

/** What stands on the command line whichever command it is, as far as it can be told before the command is known. */
export interface Opening {
  readonly words: readonly string[];
  readonly json: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

export interface Given {
  readonly positionals: ReadonlyMap<string, string>;
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
}

/** Reads what is common to all commands; what it does not know is for `readArguments`. */
export function readOpening(args: readonly string[]): Opening {
  const { values, positionals } = parseStrictly({
    args: args.map(named),
    options: optionsOf(common),
    allowPositionals: true,
    strict: false,
  });
  const is = (name: string): boolean => values[name] === true;
  // Where something is missing before it, it is still meant.
  const isJson = is("json") || args.includes("--json");
  return { words: positionals, json: isJson, help: is("help"), version: is("version") };
}

/** The command with which the words begin; undefined where there is none. */
export const commandOf = (commands: readonly Command[], words: readonly string[]): Command | undefined =>
  commands.find(({ name }) => name.split(" ").every((word, i) => words[i] === word));

/** Reads all of it. Throws a `UsageFault` that names the part that is wrong. */
export function readArguments(command: Command, args: readonly string[]): Given {
  const { options = [], arguments: expected = [] } = command;
  const { values, positionals } = parseStrictly({
    args: args.map(named),
    options: optionsOf([...common, ...options]),
    allowPositionals: true,
  });
  const given = positionals.slice(command.name.split(" ").length).map(unnamed);
  const missing = expected.slice(given.length).find(({ isOptional }) => isOptional !== true);
  if (missing !== undefined) throw new UsageFault(`${command.name}: <${missing.name}> is missing`);
  if (given.length > expected.length)
    throw new UsageFault(
      `${command.name}: ${given.slice(expected.length).join(" ")}: nothing was expected here; what has spaces in it stands in quotes`,
    );
  for (const { name, value, isRequired } of options) {
    if (isRequired === true && values[name] === undefined)
      throw new UsageFault(`${command.name}: --${name} <${value}> is missing`);
  }
  for (const [name, value] of Object.entries<unknown>(values))
    if (value === "") throw new UsageFault(`${command.name}: --${name} says nothing`);
  return {
    positionals: new Map(expected.slice(0, given.length).map(({ name }, i) => [name, given[i] ?? ""])),
    values: values as Given["values"],
  };
}

/** One name of a transaction in 64 begins with a dash, and would be taken for an option. */
const DASHED_TXN = /^-[A-Za-z0-9_-]{21}$/;
const MARK = "txn:";
const named = (text: string): string => (DASHED_TXN.test(text) ? MARK + text : text);
const unnamed = (text: string): string => (text.startsWith(`${MARK}-`) ? text.slice(MARK.length) : text);

const optionsOf = (options: NonNullable<Command["options"]>) =>
  Object.fromEntries(
    options.map(({ name, short, value, isRepeated = false }) => [
      name,
      {
        type: value === undefined ? ("boolean" as const) : ("string" as const),
        multiple: isRepeated,
        ...(short === undefined ? {} : { short }),
      },
    ]),
  );
