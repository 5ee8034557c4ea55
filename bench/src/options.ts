/** The command line of `npm run bench`. */
import { parseArgs } from "node:util";

export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly json: boolean;
  readonly profile: string | undefined;
  readonly help: boolean;
}

/** Bounds the time, and what customers and merchants keep meanwhile. */
const MOST_SECONDS = 60;

export const HELP = `Usage: npm run bench -- [--rounds 7] [--seconds 1] [--connections 16] [--json] [--profile DIRECTORY]

Measures whole purchases (figure 7) through the production code, between two processes on one core, beside an echo of the
same bytes and the paper's own algorithms; and requests over HTTP to a small handler, unpaid and behind a paywall.
  --rounds N       rounds; each measures every subject once (1 to 50)
  --seconds N      length of one measurement (0.1 to 30); rounds × seconds may be ${MOST_SECONDS} at most
  --connections N  customers, each with a connection (1 to 64)
  --json           one JSON object on the last line instead of the tables
  --profile DIR    writes CPU profiles of merchant and customers under each load on lanes and over HTTP
`;

/** Reads the arguments; a sentence that says what is wrong where they mean nothing. */
export function readOptions(args: readonly string[]): Options | { readonly wrong: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rounds: { type: "string", default: "7" },
        seconds: { type: "string", default: "1" },
        connections: { type: "string", default: "16" },
        json: { type: "boolean", default: false },
        profile: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    const rounds = Number(values.rounds);
    const seconds = Number(values.seconds);
    const connections = Number(values.connections);
    if (!isWhole(rounds, 50)) return { wrong: "--rounds takes a whole number from 1 to 50" };
    if (!isWhole(connections, 64)) return { wrong: "--connections takes a whole number from 1 to 64" };
    if (!(seconds >= 0.1 && seconds <= 30)) return { wrong: "--seconds takes a number from 0.1 to 30" };
    if (rounds * seconds > MOST_SECONDS)
      return { wrong: `${rounds} rounds of ${seconds} s are more than ${MOST_SECONDS} s` };
    return { rounds, seconds, connections, json: values.json, profile: values.profile, help: values.help };
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
}

const isWhole = (value: number, most: number): boolean =>
  Number.isInteger(value) && value >= 1 && value <= most;
