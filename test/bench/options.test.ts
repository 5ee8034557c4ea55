import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readOptions } from "../../bench/src/options.ts";

const entry = fileURLToPath(new URL("../../bench/src/main.ts", import.meta.url));

test("without arguments there are seven rounds and sixteen connections", () => {
  expect(readOptions([])).toMatchObject({ rounds: 7, connections: 16, json: false, profile: undefined });
});

test("what is asked for is taken", () => {
  const args = ["--json", "--rounds", "3", "--seconds", "0.5", "--connections", "2", "--profile", "profiles"];
  expect(readOptions(args)).toEqual({
    rounds: 3,
    seconds: 0.5,
    connections: 2,
    json: true,
    profile: "profiles",
    help: false,
  });
});

test.each([
  [["--rounds", "0"], "--rounds takes"],
  [["--rounds", "1.5"], "--rounds takes"],
  [["--seconds", "soon"], "--seconds takes"],
  [["--connections", "65"], "--connections takes"],
  [["--rounds", "50", "--seconds", "2"], "more than 60 s"],
  [["--round", "7"], "--round"],
  [["seven"], "seven"],
])("%j is refused with a sentence about it", (args, sentence) => {
  const options = readOptions(args);
  expect("wrong" in options && options.wrong).toContain(sentence);
});

test("an unknown flag ends the command with 2, a sentence about it and the usage", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [entry, "--fast"], { encoding: "utf8" });
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("--fast");
  expect(stderr).toContain("Usage: npm run bench");
});
