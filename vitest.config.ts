import { defineConfig } from "vitest/config";
import { countSteps } from "./test/fuzz/support/count-steps.ts";

/** A long search takes as long as it was asked to. */
const patience = process.env.LEPTA_FUZZ_RUNS === undefined ? 60_000 : 0;
/** Bounds for a busy machine, of which no result depends; what is polled for has 30 seconds in place of one. */
const timeouts = { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 30_000 } } };

/** What takes minutes on two cores: `npm run test:long`, with the fuzzing, in CI and before a release. */
const long = [
  "test/processes/kills.test.ts",
  "test/races/embedded.test.ts",
  "test/races/memory.test.ts",
  "test/replay/splice-returns.test.ts",
  "test/simulation/faults.test.ts",
];

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export.
export default defineConfig({
  test: {
    // The machines that this must pass on have two cores, and some suites start an embedded cloud of their own.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: "tests",
          include: ["test/**/*.test.ts"],
          exclude: ["test/fuzz/**", ...long],
          ...timeouts,
        },
      },
      { test: { name: "long", include: long, ...timeouts } },
      {
        plugins: [countSteps()],
        test: { name: "fuzz", include: ["test/fuzz/**/*.test.ts"], ...timeouts, testTimeout: patience },
      },
    ],
  },
});
