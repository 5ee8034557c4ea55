/** Starts everything, measures round after round, and ends everything again. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBroker } from "./broker.ts";
import type { OutstandingCalls } from "./calls.ts";
import { startChild } from "./child.ts";
import { type IdleBytes, measureIdle } from "./idle.ts";
import type { OutstandingResult } from "./outstanding.ts";
import {
  type Measurement,
  PIPELINED,
  type Stand,
  type Subject,
  type SubjectName,
  type Surroundings,
  startEach,
  startEcho,
  startHttp,
  startLanes,
  subjectNames,
} from "./subject.ts";
import { measureWireBytes, type WireBytes } from "./wire-bytes.ts";

export interface RunOptions extends Omit<Surroundings, "dir"> {
  readonly rounds: number;
  /** Of one measurement. */
  readonly seconds: number;
  /** Where CPU profiles of the subjects on lanes are written, after the rounds. */
  readonly profileDir: string | undefined;
  /** Told what goes on, line by line. */
  readonly progress: (line: string) => void;
}

export interface RunResult {
  /** One measurement of each subject per round. */
  readonly rounds: readonly Round[];
  /** One purchase under way on a connection, and sixteen. */
  readonly bytes: WireBytes;
  readonly bytesPipelined: WireBytes;
  readonly idle: IdleBytes;
  readonly outstanding: OutstandingResult;
}

export type Round = Readonly<Record<SubjectName, Measurement>>;

/** How long each subject runs before the first round, in seconds: until its code is compiled. */
const WARM_UP = 1.2;
/** Of those over HTTP, which have fewer requests in the same time. */
const WARM_UP_HTTP = 4;
const IDLE_ROUNDS = 2;
/** Of a profile, in seconds. */
const PROFILED = 3;
const PROFILES: ReadonlySet<SubjectName> = new Set([
  "statement",
  "statementPipelined",
  "statementDurable",
  "sessionEcho",
  "httpUnpaid",
  "httpSession",
  "httpSessionDurable",
  "httpCharge",
]);

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
  const { rounds, seconds, progress, core, profileDir } = options;
  const kept = async <T extends { close(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const started = await starting;
    closers.push(() => started.close());
    return started;
  };
  progress("starting the brokers");
  const broker = await kept(startBroker(join(options.dir, "broker")));
  const broker4 = await kept(startBroker(join(options.dir, "broker-4"), "figure-4"));
  progress("counting bytes on the wire");
  const bytes = await measureWireBytes(broker.address, core, 1);
  const bytesPipelined = await measureWireBytes(broker.address, core, PIPELINED);
  progress("measuring idle connections");
  const idle = await measureIdle(broker.address, core, IDLE_ROUNDS);
  progress("measuring the table of outstanding scrip");
  const outstanding = await measureOutstandingOn(core);
  progress("starting the merchants and their customers");
  const stands: readonly Stand[] = [
    await kept(startLanes("memory", broker, options)),
    await kept(startLanes("disk", broker, options)),
    await kept(startEach("each", broker, options)),
    await kept(startEach("figure4OpenSSL", broker4, options)),
    await kept(startEach("figure4Forge", broker4, options)),
    await kept(startEcho(false, bytes.frames, options)),
    await kept(startEcho(true, bytes.frames, options)),
    await kept(startHttp("httpUnpaid", broker, options)),
    await kept(startHttp("httpSession", broker, options)),
    await kept(startHttp("httpSessionDurable", broker, options)),
    await kept(startHttp("httpCharge", broker, options)),
  ];
  const subjects = inOrder(stands.flatMap((stand) => stand.subjects));
  progress("warming up");
  for (const subject of subjects)
    await subject.measure(subject.name.startsWith("http") ? WARM_UP_HTTP : WARM_UP);
  const measured: Round[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const stand of stands) await stand.tidy();
    // Forwards and backwards in turn: what the one before leaves behind does not always fall on the same one.
    const results = await measureOnce(round % 2 === 1 ? subjects : subjects.toReversed(), seconds);
    progress(
      `round ${round} of ${rounds}: ${Object.entries(results)
        .map(([name, { perCore }]) => `${name} ${perCore.toFixed(0)}/s`)
        .join(", ")}`,
    );
    measured.push(results);
  }
  if (profileDir !== undefined) {
    mkdirSync(profileDir, { recursive: true });
    for (const subject of subjects)
      if (PROFILES.has(subject.name)) await subject.profile(profileDir, PROFILED);
  }
  progress("comparing the books");
  for (const stand of stands) await stand.verify();
  return { rounds: measured, bytes, bytesPipelined, idle, outstanding };
}

const inOrder = (subjects: readonly Subject[]): readonly Subject[] =>
  subjectNames.flatMap((name) => subjects.filter((subject) => subject.name === name));

async function measureOnce(subjects: readonly Subject[], seconds: number): Promise<Round> {
  const results: [SubjectName, Measurement][] = [];
  for (const subject of subjects) results.push([subject.name, await subject.measure(seconds)]);
  return Object.fromEntries(results) as Round;
}

/** Rounds and spends of each: enough for medians, within half a minute. */
const OUTSTANDING = { rounds: 7, spends: 3000 };

async function measureOutstandingOn(core: number | undefined): Promise<OutstandingResult> {
  const child = startChild<OutstandingCalls>("outstanding-process.ts", core);
  try {
    return await child.ask("measure", OUTSTANDING);
  } finally {
    await child.close();
  }
}
