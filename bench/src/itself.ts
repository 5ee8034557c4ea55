/** What a process of the bench tells of itself: its CPU time, and where it goes. */
import { writeFile } from "node:fs/promises";
import { Session } from "node:inspector/promises";
import type { ProcessCalls } from "./calls.ts";

/** Between two samples, in microseconds. */
const SAMPLING = 500;

let profiler: Session | undefined;

export const itself: ProcessCalls = {
  cpu: async () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  beginProfile: async () => {
    profiler = new Session();
    profiler.connect();
    await profiler.post("Profiler.enable");
    await profiler.post("Profiler.setSamplingInterval", { interval: SAMPLING });
    await profiler.post("Profiler.start");
  },
  endProfile: async (file: string) => {
    if (profiler === undefined) throw new Error("beginProfile comes first");
    const { profile } = await profiler.post("Profiler.stop");
    await writeFile(file, JSON.stringify(profile));
    profiler.disconnect();
    profiler = undefined;
  },
};
