/** Starts everything, measures round after round, and ends everything again. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedCloud } from "@lepta/local";
import type { FrameBytes } from "./calls.ts";
import {
  type Brokers,
  type Measurement,
  type Subject,
  type SubjectName,
  type Surroundings,
  startEcho,
  startPurchases,
} from "./subject.ts";

export interface RunOptions extends Omit<Surroundings, "dir"> {
  readonly rounds: number;
  /** Of one measurement. */
  readonly seconds: number;
  /** Told what goes on, line by line. */
  readonly progress: (line: string) => void;
}

export interface RunResult {
  /** One measurement of each subject per round. */
  readonly rounds: readonly Round[];
  readonly bytes: FrameBytes;
}

export type Round = Readonly<Record<SubjectName, Measurement>>;

/** How long each subject runs before the first round, in seconds: until its code is compiled. */
const WARM_UP = 3;

/** Subjects take turns within each round, so that a slow minute of the machine falls on all of them. */
export async function runRounds(options: RunOptions): Promise<RunResult> {
  const dir = mkdtempSync(join(tmpdir(), "lepta-bench-"));
  // Also where a signal ends us half way.
  const clean = () => rmSync(dir, { recursive: true, force: true });
  process.once("exit", clean);
  const closers: (() => Promise<void>)[] = [];
  try {
    return await measureAll({ ...options, dir }, closers);
  } finally {
    for (const close of closers.reverse()) await close();
    clean();
    process.off("exit", clean);
  }
}

async function measureAll(
  options: RunOptions & Surroundings,
  closers: (() => Promise<void>)[],
): Promise<RunResult> {
  const { rounds, seconds, progress } = options;
  const kept = async <T extends { close(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const started = await starting;
    closers.push(() => started.close());
    return started;
  };
  progress("starting the brokers, the merchants and their customers");
  const brokers: Brokers = {
    default: (await kept(startEmbeddedCloud({ dir: join(options.dir, "broker") }))).pinnedUrl,
    figure4: (await kept(startEmbeddedCloud({ dir: join(options.dir, "broker-4"), suite: "figure-4" })))
      .pinnedUrl,
  };
  const durable = await kept(startPurchases("default", brokers, options));
  const memory = await kept(startPurchases("defaultMemory", brokers, options));
  const openSsl = await kept(startPurchases("figure4OpenSSL", brokers, options));
  const forge = await kept(startPurchases("figure4Forge", brokers, options));
  const echo = await kept(startEcho(durable.frameBytes, options));
  const subjects = [echo, durable, memory, openSsl, forge];
  progress("warming up");
  for (const subject of subjects) await subject.measure(WARM_UP);
  const measured: Round[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const results = await measureOnce(subjects, seconds);
    progress(
      `round ${round} of ${rounds}: ${Object.entries(results)
        .map(([name, { perSecond }]) => `${name} ${perSecond.toFixed(0)}/s`)
        .join(", ")}`,
    );
    measured.push(results);
  }
  return { rounds: measured, bytes: durable.frameBytes };
}

async function measureOnce(subjects: readonly Subject[], seconds: number): Promise<Round> {
  const results: [SubjectName, Measurement][] = [];
  for (const subject of subjects) results.push([subject.name, await subject.measure(seconds)]);
  return Object.fromEntries(results) as Round;
}
