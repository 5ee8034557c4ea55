import { afterEach, expect, test } from "vitest";
import { coldStart } from "../../../bench/src/cost/cold-start.ts";
import { zero } from "../../../bench/src/cost/counts.ts";
import { Recorder, totalOf } from "../../../bench/src/cost/recorder.ts";

let recorder: Recorder | undefined;
afterEach(() => recorder?.close());

const emf = (service: string) =>
  `${JSON.stringify({
    _aws: {
      Timestamp: 1,
      CloudWatchMetrics: [
        {
          Namespace: "Lepta/test",
          Dimensions: [["service"]],
          Metrics: [{ Name: "Issued" }, { Name: "Faults" }],
        },
      ],
    },
    service,
    Issued: 1,
    Faults: 0,
  })}\n`;

test("what a function prints is counted and goes no further", async () => {
  const opened = new Recorder();
  recorder = opened;
  await opened.run("fund", "POST /brokerscrip", async () => {
    process.stdout.write("é\n");
    process.stderr.write(new Uint8Array(5));
  });
  expect(totalOf(opened.invocations)).toMatchObject({ invocations: 1, printedBytes: 3 + 5 });
});

test("a custom metric is one for each of its dimensions' values, however often it is printed", async () => {
  const opened = new Recorder();
  recorder = opened;
  await opened.run("fund", "POST /brokerscrip", async () => {
    for (const service of ["fund", "fund", "settle"]) process.stdout.write(emf(service));
  });
  expect(opened.metrics.size).toBe(4);
});

test("the streams are as they were once the recorder is closed", () => {
  const { write } = process.stdout;
  const opened = new Recorder();
  expect(process.stdout.write).not.toBe(write);
  opened.close();
  expect(process.stdout.write).toBe(write);
});

test("a cold start is what the first request of a function costs beyond the next of its kind", () => {
  const of = (route: string, counts: object) => ({
    name: "notices" as const,
    route,
    counts: { ...zero, ...counts },
  });
  const invocations = [
    of("POST /notices", { kmsSymmetric: 1, readUnits: 5, storedBytes: 900 }),
    of("POST /intent", { readUnits: 50 }),
    of("POST /notices", { readUnits: 2 }),
  ];
  expect(coldStart(invocations)).toEqual({ ...zero, kmsSymmetric: 1, readUnits: 3 });
});
