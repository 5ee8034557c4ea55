/** The demo as people start it: a process of its own, in both suites, and what it leaves behind. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const runner = fileURLToPath(new URL("../../tools/run.mjs", import.meta.url));
const demo = fileURLToPath(new URL("../../examples/demo/src/main.ts", import.meta.url));

interface Run {
  readonly code: number | string | null;
  readonly lines: readonly string[];
  readonly complaints: string;
}

let temporary: string;

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "lepta-test-demo-"));
});

afterEach(() => {
  rmSync(temporary, { recursive: true, force: true });
});

describe.each(["default", "figure-4"])("the demo in the suite %s", (suite) => {
  test("plays the main job to its end, refuses every attack, balances the books and leaves nothing behind", async () => {
    const { code, lines, complaints } = await runDemo("--json", "--suite", suite);
    expect(complaints).toBe("");
    expect(code).toBe(0);
    const hasLanes = suite === "default";
    expect(lines.filter((line) => line.includes("NOT SO"))).toEqual([]);

    const outcome = JSON.parse(lines.at(-1) ?? "");
    expect(outcome).toEqual({
      ok: true,
      purchases: expect.any(Number),
      notices: expect.any(Number),
      underStatements: expect.any(Number),
      statements: expect.any(Number),
      atOnce: { purchases: hasLanes ? 200 : 20, milliseconds: expect.any(Number) },
      receipts: hasLanes ? 200 : 20,
      refused: {
        // The same VendorScrip spent twice, and the same BrokerScrip.
        "scrip-spent": 2,
        // Spent at the wrong merchant.
        "wrong-issuer": 1,
        // VendorScrip and BrokerScrip with their values raised.
        "scrip-forged": 2,
        // Another peer's VendorScrip and BrokerScrip.
        "not-owner": 2,
        // An old part for B in another authorization, of the same transaction and of others; and where there are lanes,
        // another order under the number of a purchase, a lane without its secret, and a lane's scrip used twice.
        conflict: hasLanes ? 2 : 1,
        refused: 2,
        ...(hasLanes ? { "bad-proof": 2, "in-use": 2 } : {}),
      },
      books: {
        moneyIn: amount,
        moneyOut: amount,
        liveBrokerScrip: amount,
        chargedNotMinted: amount,
        redeemedNotPaid: amount,
        owedToMerchants: amount,
        expired: amount,
        fees: amount,
        operatorLoss: amount,
        liveVendorScrip: amount,
        sold: amount,
        refunded: amount,
        conserved: true,
      },
      suite,
    });
    expect(outcome.purchases).toBeGreaterThanOrEqual(hasLanes ? 200 : 25);
    expect(outcome.notices + outcome.underStatements).toBe(outcome.purchases);
    if (hasLanes) expect(outcome.underStatements).toBeGreaterThan(outcome.statements * 10);
    else expect(outcome).toMatchObject({ underStatements: 0, statements: 0 });
    expectConservation(outcome.books);

    expect(readdirSync(temporary)).toEqual([]);
    expect(processesNaming(temporary)).toEqual([]);
  });
});

test("the demo tells the story and then stops without a JSON object where none is asked for", async () => {
  const { code, lines } = await runDemo();
  expect(code).toBe(0);
  const scenes = ["Figure 6: obtain BrokerScrip", "Figure 8: obtain VendorScrip", "Figure 7: buy items"];
  for (const scene of [...scenes, "Receipts", "Attacks on a lane", "The books"])
    expect(lines).toContain(scene);
  expect(lines).toContain("    refused by the broker: scrip-spent, signed");
  expect(lines.at(-1)).toMatch(/^All is well: /);
});

test.each([
  [["--jsno"], "--jsno"],
  [["--suite", "figure-5"], "figure-5"],
  [["now"], "now"],
])("the demo answers %j with its usage and exit code 2", async (args, named) => {
  const { code, lines, complaints } = await runDemo(...args);
  expect(code).toBe(2);
  expect(lines).toEqual([]);
  expect(complaints).toContain(named);
  expect(complaints).toContain("Usage: npm run demo");
});

/** Decimal digits, in millionths. */
const amount = expect.stringMatching(/^(0|[1-9][0-9]*)$/);

/** Money is conserved in the figures that the demo printed. */
function expectConservation(books: Readonly<Record<string, string>>): void {
  const of = (name: string): bigint => BigInt(books[name] ?? "");
  expect(of("moneyIn")).toBeGreaterThan(0n);
  expect(of("moneyIn") - of("moneyOut")).toBe(
    of("liveBrokerScrip") +
      of("chargedNotMinted") +
      of("redeemedNotPaid") +
      of("owedToMerchants") +
      of("expired") +
      of("fees") -
      of("operatorLoss"),
  );
  expect(of("refunded")).toBeGreaterThan(0n);
  expect(of("owedToMerchants")).toBe(of("liveVendorScrip") + of("sold"));
}

/** Runs the demo with its temporary files in a directory of this test's own. */
function runDemo(...args: readonly string[]): Promise<Run> {
  const env = { ...process.env, TMPDIR: temporary };
  return new Promise((resolve) => {
    execFile(process.execPath, [runner, demo, ...args], { env, timeout: 50_000 }, (error, stdout, stderr) => {
      const lines = stdout === "" ? [] : stdout.trimEnd().split("\n");
      resolve({ code: error === null ? 0 : (error.code ?? null), lines, complaints: stderr });
    });
  });
}

/** Command lines that name the directory: the engine is started on a file in it. */
function processesNaming(directory: string): readonly string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(commandLine).filter((command) => command.includes(directory));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It ended while we looked.
    return "";
  }
}
