/** The command line of the simulator. */
import { type Kind, kinds } from "./weather.ts";

export interface Arguments {
  readonly purchases: number;
  readonly seed: string;
  readonly isJson: boolean;
  readonly isReal: boolean;
  readonly only: number | undefined;
  /** Purchases of one episode; undefined where it is the usual number. */
  readonly size: number | undefined;
  readonly hunted: readonly string[] | undefined;
  readonly without: ReadonlySet<Kind>;
  readonly fault: string | undefined;
  /** A failure is told without looking for its shortest history. */
  readonly isBrief: boolean;
}

export const USAGE = `usage: npm run sim -- [--purchases N] [--seed S] [--json] [--real] [--brief] [--size N] [--episode K] [--without KINDS] [--fault NAME]

  --purchases N    how many purchases to simulate (default 2000)
  --seed S         where all randomness comes from (default 1): the same seed gives the same trace
  --json           the last line of the output is the result as one JSON object
  --real           real signatures and seals instead of stand-ins
  --brief          does not look for the shortest history of a failure
  --size N         purchases of one episode (default 1000): the books are compared three times in each
  --episode K      plays only this episode, counted from 0
  --hunt POINTS    with --episode: the points that the run was hunting then, as a failure prints them
  --without KINDS  faults that do not happen: ${kinds.join(", ")}
  --fault NAME     a seeded fault in the production code, of test/simulation/faults.ts`;

/** What was asked for, or what is wrong with it. */
export function readArguments(words: readonly string[]): Arguments | string {
  const values = new Map<string, string>();
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? "";
    if (FLAGS.has(word)) values.set(word, "yes");
    else if (!OPTIONS.has(word)) return `unknown argument: ${word}`;
    else {
      const value = words[i + 1];
      if (value === undefined) return `${word} needs a value`;
      values.set(word, value);
      i += 1;
    }
  }
  const purchases = whole(values.get("--purchases") ?? "2000");
  if (purchases === undefined || purchases < 1) return "--purchases is a whole number from 1";
  const episode = values.get("--episode");
  const only = episode === undefined ? undefined : whole(episode);
  if (episode !== undefined && only === undefined) return "--episode is a whole number from 0";
  const size = values.get("--size");
  if (size !== undefined && !whole(size)) return "--size is a whole number from 1";
  const without = (values.get("--without") ?? "").split(",").filter((each) => each !== "");
  const unknown = without.find((each) => !kinds.some((kind) => kind === each));
  if (unknown !== undefined) return `--without: no kind of fault is called ${unknown}`;
  const seed = values.get("--seed") ?? "1";
  if (seed === "" || seed.length > 100) return "--seed is a text of 1 to 100 characters";
  return {
    purchases,
    seed,
    only,
    size: size === undefined ? undefined : whole(size),
    isJson: values.has("--json"),
    isReal: values.has("--real"),
    isBrief: values.has("--brief"),
    fault: values.get("--fault"),
    hunted: values.get("--hunt")?.split(";"),
    without: new Set(kinds.filter((kind) => without.includes(kind))),
  };
}

const FLAGS: ReadonlySet<string> = new Set(["--json", "--real", "--brief"]);
const OPTIONS: ReadonlySet<string> = new Set([
  "--purchases",
  "--seed",
  "--episode",
  "--size",
  "--hunt",
  "--without",
  "--fault",
]);

const whole = (text: string): number | undefined => (/^\d{1,9}$/.test(text) ? Number(text) : undefined);
