/** The simulator itself: the same seed gives the same run, and a short run with every kind of fault holds every rule. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

interface Line {
  readonly ok: boolean;
  readonly purchases: number;
  readonly purchasesMetered: number;
  readonly crashes: number;
  readonly awaitPointsCrashed: number;
  readonly awaitPointsTotal: number;
  readonly adversarialAttempts: number;
  readonly doubleSpends: number;
  readonly conserved: boolean;
  readonly stuck: number;
  readonly trace: string;
}

/** Runs the simulator in a process of its own. */
function simulate(...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["tools/run.mjs", "test/simulation/main.ts", ...words],
    { cwd: ROOT, encoding: "utf8" },
  );
  return { status, stdout, stderr };
}

function resultOf(...words: readonly string[]): Line {
  const { status, stdout, stderr } = simulate(...words, "--json");
  expect(stderr.includes("BROKEN"), stderr).toBe(false);
  expect(status).toBe(0);
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Line;
}

describe("the simulator", { timeout: 180_000 }, () => {
  test("holds every rule through crashes at every await point that it meets, lost messages and attacks", () => {
    const line = resultOf("--purchases", "1200", "--seed", "short");
    expect(line).toMatchObject({ ok: true, doubleSpends: 0, conserved: true, stuck: 0 });
    expect(line.purchases).toBeGreaterThanOrEqual(1200);
    expect(line.purchasesMetered).toBeGreaterThan(25);
    expect(line.awaitPointsCrashed).toBe(line.awaitPointsTotal);
    expect(line.awaitPointsTotal).toBeGreaterThan(150);
    expect(line.adversarialAttempts).toBeGreaterThan(50);
  });

  test("gives the same trace for the same seed, and another for another", () => {
    const [first, again, other] = ["a", "a", "b"].map((seed) =>
      resultOf("--purchases", "200", "--seed", seed),
    );
    expect(again).toEqual(first);
    expect(other?.trace).not.toBe(first?.trace);
  });

  test("gives the same trace under real signatures, which differ each time", () => {
    const [first, again] = [1, 2].map(() => resultOf("--purchases", "60", "--seed", "real", "--real"));
    expect(again?.trace).toBe(first?.trace);
  });

  test("plays one episode of a run again", () => {
    expect(resultOf("--purchases", "100", "--seed", "a", "--episode", "0").trace).toBe(
      resultOf("--purchases", "100", "--seed", "a").trace,
    );
  });

  test.each([
    ["--purchases", "none"],
    ["--purchases"],
    ["--unheard-of"],
    ["--without", "weather"],
    ["--fault", "no-such-fault"],
  ])("says how it is used where %s %s means nothing", (...words) => {
    const { status, stderr } = simulate(...words);
    expect(status).toBe(2);
    expect(stderr).not.toContain("    at ");
  });
});
