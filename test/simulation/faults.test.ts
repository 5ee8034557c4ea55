/** Every seeded fault of `faults.ts` is found: a simulator that finds none proves nothing. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { faults } from "./faults.ts";
import { replacements } from "./plant.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** The rule that speaks of exceptions: a fault must break another one. */
const EXCEPTION = "no fault of our own";

/** Short episodes: the books are compared more often. */
const SIZE = "240";

/** For the slowest of them on a busy machine, in milliseconds. */
const PATIENCE = 180_000;

describe("the simulator finds a seeded fault", () => {
  test.each(Object.entries(faults))(
    "%s",
    (name, { within, isNoticed = false }) => {
      const words = [
        "--fault",
        name,
        "--seed",
        "1",
        "--size",
        SIZE,
        "--purchases",
        String(within),
        "--brief",
        "--json",
      ];
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ["tools/run.mjs", "test/simulation/main.ts", ...words],
        { cwd: ROOT, encoding: "utf8" },
      );
      expect(status, `${stdout}\n${stderr}`).toBe(1);
      const broken = stderr.split("\n").filter((line) => line.startsWith("  "));
      expect(isNoticed || broken.some((line) => !line.includes(EXCEPTION)), stderr).toBe(true);
      expect(broken.length, stderr).toBeGreaterThan(0);
      expect(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ ok: false });
    },
    PATIENCE,
  );

  test("is planted in a text that the production file holds once", () => {
    for (const [name, fault] of Object.entries(faults))
      for (const [text] of replacements(fault))
        expect(readFileSync(`${ROOT}/${fault.file}`, "utf8").split(text).length, name).toBe(2);
  });
});
