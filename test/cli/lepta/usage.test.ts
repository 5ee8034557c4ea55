import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command, Context } from "@lepta/cli/lepta/command";
import { commands } from "@lepta/cli/lepta/commands";
import { exitOf, explain, Fault } from "@lepta/cli/lepta/fault";
import { findHome } from "@lepta/cli/lepta/home";
import { type ErrorCode, errors, LeptaError } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ran } from "./support.ts";

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "lepta-usage-"));
});
afterEach(() => rm(dir, { recursive: true }));

const command = (run: Command["run"], more: Partial<Command> = {}): Command => ({
  name: "try it",
  summary: "a command of the test's own",
  help: "Does what the test says.",
  examples: ["npx lepta try it"],
  run,
  ...more,
});

describe("a command line that is not understood is answered with 2 and what is wrong:", () => {
  test.each([
    [["melt"], "melt: there is no such command"],
    [["wallet"], "say what about the wallet: init, balance"],
    [["wallet", "melt"], "wallet melt: there is no such command; there are init"],
    [["wallet", "balance", "all"], "all: nothing was expected here"],
    [["wallet", "balance", "--fast"], "Unknown option '--fast'"],
    [["wallet", "balance", "--home"], "'--home <value>' argument missing"],
    [["wallet", "balance", "--home="], "--home says nothing"],
    [["wallet", "topup"], "<amount> is missing"],
    [["wallet", "topup", "5"], "<amount> is an amount such as"],
    [
      ["wallet", "topup", "EUR", "5.00"],
      "5.00: nothing was expected here; what has spaces in it stands in quotes",
    ],
    [["wallet", "topup", "EUR 0.00"], 'not "EUR 0.00"'],
    [["wallet", "topup", "EUR -1.00"], 'not "EUR -1.00"'],
    [["wallet", "buy", "ws://x", "y"], "--max <amount> is missing"],
    [["wallet", "buy", "ws://x", "--max", "EUR 1"], "<sku> is missing"],
    [["wallet", "buy", "ws://x", "y", "--max", "1"], "--max is an amount such as"],
    [
      ["wallet", "buy", "ws://x", "y", "--max", "EUR 1", "--quantity", "0"],
      "--quantity is a whole number from 1",
    ],
    [["wallet", "history", "--limit", "few"], "--limit is a whole number"],
    [["wallet", "backup"], "say where the words shall go"],
    [["wallet", "backup", "--show", "-o", "x"], "say where the words shall go"],
    [["wallet", "init"], "say which broker"],
    [["wallet", "restore", "twelve words"], "nothing was expected here"],
    [["merchant", "serve"], "<catalogue.json> is missing"],
    [["merchant", "serve", "x", "--port", "70000"], "--port is a whole number from 0 to 65535"],
  ])("%j", async (args, says) => {
    const around = { cwd: dir, userHome: dir };
    const { status, out, err } = await ran(args, around);
    expect([status, out]).toEqual([2, ""]);
    expect(err).toMatch(/^lepta: [^\n]+\n {2}→ lepta [^\n]*--help shows how it is used\.\n$/);
    expect(err).toContain(says);
    const json = await ran([...args, "--json"], around);
    expect([json.status, json.err]).toEqual([2, ""]);
    expect(JSON.parse(json.out).error).toMatchObject({ code: "usage" });
  });
});

describe("--help", () => {
  test("lists every command, without a command and with help", async () => {
    for (const args of [[], ["--help"], ["help"], ["-h"]]) {
      const { status, out } = await ran(args);
      expect(status).toBe(0);
      for (const { name, summary } of commands) {
        expect(out).toContain(`  ${name}`);
        expect(out).toContain(summary);
      }
    }
  });

  test("of a group lists that group", async () => {
    const { status, out } = await ran(["merchant", "--help"]);
    expect(status).toBe(0);
    expect(out).toContain("  merchant serve <catalogue.json>");
    expect(out).not.toContain("wallet init");
  });

  test.each(commands.map((each) => [each.name, each] as const))(
    "of %s shows usage, options, an example of itself and the exit statuses",
    async (name, { examples, options = [] }) => {
      const { status, out } = await ran([...name.split(" "), "--help"]);
      expect(status).toBe(0);
      expect(out).toContain(`Usage: lepta ${name}`);
      for (const option of options) expect(out).toContain(`--${option.name}`);
      expect(examples.length).toBeGreaterThan(0);
      for (const example of examples) {
        expect(example).toContain(`npx lepta ${name}`);
        expect(out).toContain(example);
      }
      expect(out).toContain("Exit status:\n  0    done\n");
      expect((await ran(["help", ...name.split(" ")])).out).toBe(out);
      const json = await ran([...name.split(" "), "--help", "--json"]);
      expect(JSON.parse(json.out).help.trimEnd()).toBe(out.trimEnd());
    },
  );

  test("--version tells the release", async () => {
    expect((await ran(["--version"])).out).toMatch(/^lepta \d+\.\d+\.\d+\n$/);
  });
});

describe("--json", () => {
  // `lepta dev` makes a home and goes on; its JSON is tested with it.
  const homeless = commands.filter(({ name }) => name !== "dev");
  test.each(homeless.map(({ name }) => [name]))(
    "of %s is one document where there is no home",
    async (name) => {
      const given = commands.find((each) => each.name === name)?.arguments ?? [];
      const args = given.map((each) => (each.name === "amount" ? "EUR 1.00" : each.name));
      const extra =
        name === "wallet buy" ? ["--max", "EUR 1.00"] : name === "wallet backup" ? ["--show"] : [];
      const { status, out, err } = await ran([...name.split(" "), ...args, ...extra, "--json"], {
        cwd: dir,
        userHome: dir,
      });
      expect([status === 0, err]).toEqual([false, ""]);
      const { error } = JSON.parse(out);
      expect(Object.keys(error)).toEqual(["code", "message", "todo"]);
      expect(error.todo).not.toBe("");
    },
  );

  test("is never two documents: what fails after the answer is said on standard error", async () => {
    const failing = command(async ({ tell }) => {
      await tell({ lines: [], json: { done: true } });
      throw new Fault("late", "It failed.", "Look.");
    });
    const { status, out, err } = await ran(["try", "it", "--json"], { among: [failing] });
    expect([status, JSON.parse(out), err]).toEqual([1, { done: true }, "lepta: It failed.\n  → Look.\n"]);
  });
});

test("work that goes on after its command has ended tells nothing any more", async () => {
  const left: Context[] = [];
  const leaving = command((context) => {
    left.push(context);
    throw new Fault("interrupted", "It was interrupted.", "Again.", 130);
  });
  let out = "";
  const written = (text: string) => {
    out += text;
  };
  expect((await ran(["try", "it", "--json"], { among: [leaving], written })).status).toBe(130);
  await expect(left[0]?.tell({ lines: [], json: {} })).rejects.toThrow("has ended");
  expect(JSON.parse(out).error.code).toBe("interrupted");
});

describe("exit statuses", () => {
  test("every code of the table has one, words and something to do", () => {
    for (const code of Object.keys(errors) as ErrorCode[]) {
      const { exit, message, todo } = explain(new LeptaError(code, "why"));
      expect([0, 2]).not.toContain(exit);
      expect(message).toContain("why");
      expect(todo).not.toBe("");
    }
  });

  test.each([
    ["refused", 3],
    ["declined", 3],
    ["over-max", 3],
    ["insufficient-funds", 3],
    ["unreachable", 4],
    ["pending", 4],
    ["busy", 4],
    ["store-locked", 4],
    ["wrong-root", 1],
    ["bad-phrase", 1],
  ] as const)("%s ends with %i", (code, status) => {
    expect(exitOf(code)).toBe(status);
  });

  test("what nobody foresaw ends with 1, and asks for a report", async () => {
    const failing = command(() => {
      throw new TypeError("x is not a function");
    });
    const { status, err } = await ran(["try", "it"], { among: [failing] });
    expect([status, err]).toEqual([1, expect.stringContaining("please report it")]);
  });
});

describe("colours", () => {
  const colourful = command(async ({ isColor }) => ({ lines: [`${isColor}`], json: {} }));
  test.each([
    ["a terminal", true, {}, [], "true\n"],
    ["a terminal with an empty NO_COLOR", true, { NO_COLOR: "" }, [], "true\n"],
    ["a terminal with NO_COLOR", true, { NO_COLOR: "1" }, [], "false\n"],
    ["a dumb terminal", true, { TERM: "dumb" }, [], "false\n"],
    ["a pipe", false, {}, [], "false\n"],
  ] as const)("on %s: %j", async (_, stdout, env, args, says) => {
    const isTerminal = { stdout, stderr: stdout };
    const { out } = await ran(["try", "it", ...args], { among: [colourful], env, isTerminal });
    expect(out).toBe(says);
  });
});

describe("what takes longer than a second", () => {
  /** A clock that stands until it is told to go on. */
  const tick = () => {
    let now = 0;
    const waiting = new Set<{ readonly at: number; readonly work: () => void }>();
    return {
      clock: {
        now: () => now,
        later: (milliseconds: number, work: () => void) => {
          const entry = { at: now + milliseconds, work };
          waiting.add(entry);
          return () => void waiting.delete(entry);
        },
      },
      waiting,
      pass: (milliseconds: number) => {
        now += milliseconds;
        for (const entry of [...waiting].filter(({ at }) => at <= now)) {
          waiting.delete(entry);
          entry.work();
        }
      },
    };
  };
  const slow = (pass: (milliseconds: number) => void, ...steps: readonly number[]) =>
    command(async ({ during }) => {
      const work = Promise.withResolvers<void>();
      const done = during("Waiting", work.promise);
      for (const step of steps) pass(step);
      work.resolve();
      await done;
      return { lines: ["done"], json: {} };
    });

  test("is said on a terminal, second by second, and wiped away", async () => {
    const { clock, pass, waiting } = tick();
    const { out, err } = await ran(["try", "it"], {
      among: [slow(pass, 999, 1, 1000)],
      clock,
      isTerminal: { stdout: false, stderr: true },
    });
    expect([out, err]).toEqual(["done\n", "\r\u001b[KWaiting … 1 s\r\u001b[KWaiting … 2 s\r\u001b[K"]);
    expect(waiting.size).toBe(0);
  });

  test("is said once in a log, and not at all where it was quick or in JSON", async () => {
    const long = tick();
    expect((await ran(["try", "it"], { among: [slow(long.pass, 1000, 1000)], clock: long.clock })).err).toBe(
      "Waiting …\n",
    );
    const quick = tick();
    expect((await ran(["try", "it"], { among: [slow(quick.pass, 999)], clock: quick.clock })).err).toBe("");
    const json = tick();
    const args = ["try", "it", "--json"];
    expect((await ran(args, { among: [slow(json.pass, 5000)], clock: json.clock })).err).toBe("");
  });
});

describe("the home", () => {
  test("is what --home says, then $LEPTA_HOME, then .lepta here if it is there, then the user's", async () => {
    const io = { env: { LEPTA_HOME: "/there" }, cwd: dir, userHome: "/user" };
    expect(findHome("mine", io)).toBe(join(dir, "mine"));
    expect(findHome(undefined, io)).toBe("/there");
    expect(findHome(undefined, { ...io, env: {} })).toBe("/user/.lepta");
    await mkdir(join(dir, ".lepta"));
    expect(findHome(undefined, { ...io, env: {} })).toBe(join(dir, ".lepta"));
  });

  test("whose file cannot be read is not written over", async () => {
    for (const text of ["", "{", "null", '{"broker": 5}']) {
      await writeFile(join(dir, "wallet.json"), text);
      const { status, out } = await ran(["wallet", "balance", "--home", dir, "--json"]);
      expect([status, JSON.parse(out).error.code]).toEqual([1, "home-damaged"]);
    }
  });
});

test("what others say cannot write onto the terminal", async () => {
  const hostile = command(() => {
    throw new LeptaError("unknown-item", "a\u001b[2J\u0007b\u202ec\nd");
  });
  const { err } = await ran(["try", "it"], { among: [hostile] });
  expect(err).toContain("a\\u{001b}[2J\\u{0007}b\\u{202e}c\\u{000a}d");
});

test("a name that begins with a dash is no option", async () => {
  const named = command(async ({ argument }) => ({ lines: [argument("txn") ?? ""], json: {} }), {
    arguments: [{ name: "txn" }],
  });
  const txn = "-AAAAAAAAAAAAAAAAAAAAA";
  expect((await ran(["try", "it", txn], { among: [named] })).out).toBe(`${txn}\n`);
});

test("an option that may be given several times has all of its values, in order", async () => {
  const repeated = command(async ({ options }) => ({ lines: options("header"), json: {} }), {
    options: [{ name: "header", short: "H", value: "line", summary: "sent with it", isRepeated: true }],
  });
  expect((await ran(["try", "it", "-H", "a: 1", "--header", "b: 2"], { among: [repeated] })).out).toBe(
    "a: 1\nb: 2\n",
  );
  expect((await ran(["try", "it"], { among: [repeated] })).out).toBe("");
});
