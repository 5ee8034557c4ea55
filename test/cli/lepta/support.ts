/** `lepta` in this process: a terminal that remembers what it was told, homes of their own, and a broker to use. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock, Command, Io } from "@lepta/cli/lepta/command";
import { run } from "@lepta/cli/lepta/run";
import { type EmbeddedCloud, type EmbeddedCloudOptions, startEmbeddedCloud } from "@lepta/local";

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** What a test says of the process. */
export interface Around extends Partial<Omit<Io, "stdin" | "stdout" | "stderr">> {
  readonly stdin?: string;
  readonly among?: readonly Command[];
  /** Sees what is written to standard output as it is. */
  readonly written?: (text: string) => void;
}

export const systemClock: Clock = {
  now: Date.now,
  later: (milliseconds, work) => {
    const timer = setTimeout(work, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Runs a command whose output goes into pipes, in a directory where nothing is. */
export async function ran(argv: readonly string[], around: Around = {}): Promise<Ran> {
  const { stdin = "", among, written = () => {}, ...io } = around;
  let out = "";
  let err = "";
  const status = await run(
    argv,
    {
      stdout: async (text) => {
        const more = typeof text === "string" ? text : Buffer.from(text).toString("latin1");
        out += more;
        written(more);
      },
      stderr: async (text) => {
        err += String(text);
      },
      stdin: async () => Buffer.from(stdin),
      askSecret: undefined,
      env: {},
      cwd: "/",
      userHome: "/nowhere",
      clock: systemClock,
      isTerminal: { stdout: false, stderr: false },
      signal: new AbortController().signal,
      ...io,
    },
    among,
  );
  return { status, out, err };
}

/** Runs it, expects that it does what it should, and reads its JSON. */
export async function told(argv: readonly string[], around: Around = {}): Promise<Told> {
  const { status, out, err } = await ran([...argv, "--json"], around);
  if (status !== 0) throw new Error(`lepta ${argv.join(" ")}: ${status}: ${out}${err}`);
  return JSON.parse(out) as Told;
}

/** Gives the command again for as long as it says so, as a script does. */
export async function insisted(argv: readonly string[]): Promise<Told> {
  for (;;) {
    const { status, out } = await ran([...argv, "--json"]);
    if (status !== 4) return JSON.parse(out) as Told;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: as far as a test knows it.
export type Told = any;

export interface Market {
  readonly dir: string;
  readonly cloud: EmbeddedCloud;
  /** A home that is not there yet. */
  home(name: string): string;
  close(): Promise<void>;
}

/** A broker, and room for homes. */
export async function market(options: Partial<EmbeddedCloudOptions> = {}): Promise<Market> {
  const dir = await mkdtemp(join(tmpdir(), "lepta-cli-"));
  const cloud = await startEmbeddedCloud({ dir: join(dir, "broker"), ...options });
  return {
    dir,
    cloud,
    home: (name) => join(dir, name),
    close: async () => {
      await cloud.close();
      await rm(dir, { recursive: true });
    },
  };
}

export interface Shop {
  /** With the merchant's pin. */
  readonly url: string;
  /** The line that buys the first item. */
  readonly buy: string;
  /** Stops it as Ctrl-C does, and tells how it ended. */
  stop(): Promise<Ran>;
}

/** `lepta merchant serve` as soon as it sells. */
export async function serving(home: string, catalogue: string): Promise<Shop> {
  const stop = new AbortController();
  const told = Promise.withResolvers<string>();
  const running = ran(["merchant", "serve", catalogue, "--port", "0", "--home", home, "--json"], {
    signal: stop.signal,
    written: told.resolve,
  });
  const { url, buy } = JSON.parse(await told.promise);
  return {
    url,
    buy,
    stop: () => {
      stop.abort();
      return running;
    },
  };
}
