/** The embedded cloud under count: its functions by HTTP route and by the clock. */
import {
  type FunctionName,
  metricNamespace,
  scheduledFunctions,
  schedules,
  variable,
  wire,
} from "@lepta/lambdas";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { type Clock, openClock } from "./clock.ts";
import { type Door, openDoor } from "./door.ts";
import { Recorder } from "./recorder.ts";

export interface CountedCloud {
  readonly recorder: Recorder;
  readonly door: Door;
  readonly clock: Clock;
  /** The broker's address with its pin. */
  readonly broker: string;
  /** Puts the clock forward hour by hour, and runs what is due; what runs more often than hourly runs every sixth hour. */
  passHours(hours: number): Promise<void>;
  close(): Promise<void>;
}

const HOUR = 60 * 60 * 1000;

/** Starts it in this directory. Credits are free at once, so that a settlement can be counted. */
export async function startCountedCloud(dir: string): Promise<CountedCloud> {
  const recorder = new Recorder();
  const clock = openClock();
  const { runtime } = clock;
  try {
    const cloud = await startEmbeddedCloud({
      dir,
      runtime,
      variables: {
        [variable.holdTime]: "0",
        // As when deployed, functions print what they measure.
        POWERTOOLS_METRICS_NAMESPACE: metricNamespace("cost"),
      },
      watch: (name, clients) => recorder.watch(name, clients),
    });
    const scheduled = await wireSchedules(cloud, clock, recorder);
    let passed = 0;
    return {
      recorder,
      clock,
      door: openDoor(cloud.handlers, recorder),
      broker: cloud.pinnedUrl,
      passHours: async (hours) => {
        for (let hour = 0; hour < hours; hour += 1) {
          clock.forward(HOUR);
          passed += 1;
          for (const { name, everyMinutes, run } of scheduled)
            if (passed % hoursBetween(everyMinutes) === 0) await recorder.run(name, name, run);
        }
      },
      close: async () => {
        await cloud.close();
        recorder.close();
      },
    };
  } catch (error) {
    recorder.close();
    throw error;
  }
}

/** One run of what runs often is like the next, so that few of them tell. */
const SELDOM = 6;
const hoursBetween = (everyMinutes: number): number => (everyMinutes < 60 ? SELDOM : everyMinutes / 60);

interface Scheduled {
  readonly name: FunctionName;
  readonly everyMinutes: number;
  readonly run: () => Promise<unknown>;
}

/** The functions that run by the clock, wired once more on the same table and keys, so that each run is counted alone. */
async function wireSchedules(
  { variables }: EmbeddedCloud,
  { runtime }: Clock,
  recorder: Recorder,
): Promise<readonly Scheduled[]> {
  return Promise.all(
    schedules.map(async ({ capability, everyMinutes }) => {
      const own = { ...variables, POWERTOOLS_SERVICE_NAME: capability };
      const wiring = await wire(own, runtime, (clients) => recorder.watch(capability, clients));
      const run = scheduledFunctions[capability](wiring);
      return { name: capability, everyMinutes, run: () => run({}) };
    }),
  );
}
