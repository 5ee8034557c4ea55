import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const torture = join(import.meta.dirname, "torture.ts");

describe("npm run torture", () => {
  test.each([
    ["an option that there is not", ["--kill", "3"]],
    ["a number that is none", ["--kills", "many"]],
    ["no kills at all", ["--kills", "0"]],
    ["a negative number", ["--kills", "-3"]],
    ["an option without its value", ["--seed"]],
    ["a word that belongs to no option", ["quickly"]],
  ])("refuses %s with its usage and status 2, and without a stack trace", (_name, args) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [torture, ...args], { encoding: "utf8" });
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^torture: .*\nUsage: npm run torture/s);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test("tells its usage where it is asked for", () => {
    const { status, stdout } = spawnSync(process.execPath, [torture, "--help"], { encoding: "utf8" });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Usage: npm run torture/);
  });
});
