import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const entry = fileURLToPath(new URL("../../bench/src/cost.ts", import.meta.url));
const run = (...args: readonly string[]) =>
  spawnSync(process.execPath, [entry, ...args], { encoding: "utf8" });

test("a bad flag ends the command with 2, a sentence about it and the usage", () => {
  const { status, stdout, stderr } = run("--purchases", "a lot");
  expect(status).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain("--purchases takes a whole number");
  expect(stderr).toContain("Usage: npm run cost");
});

test("--help shows the usage and counts nothing", () => {
  const { status, stdout, stderr } = run("--help");
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("Usage: npm run cost");
});
