import { requestIdOf } from "@lepta/lambdas/handlers/request-id";
import { describe as describeFault, log, plainObserver } from "@lepta/lambdas/log";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { euro } from "../support/peer.ts";

let written: string[];
beforeEach(() => {
  written = [];
  const keep = (chunk: unknown): boolean => written.push(String(chunk)) > 0;
  vi.spyOn(process.stderr, "write").mockImplementation(keep);
  vi.spyOn(process.stdout, "write").mockImplementation(keep);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const SECRET = "c2VjcmV0IG9mIGFsaWNl";

test("a line holds the fields of the list and no others", () => {
  const entry = { route: "finish", outcome: "failed", fault: "Error at run (x.ts:1:2)", count: 2 };
  const more = { secret: SECRET, error: new Error(SECRET), toJSON: () => SECRET };
  log({ ...entry, ...more });
  expect(written.map((line) => JSON.parse(line))).toEqual([{ level: "error", ...entry }]);
});

test("a field that is not one plain line of ours is not printed", () => {
  log({ route: `finish\n${SECRET}`, outcome: `{"${SECRET}"}`, fault: SECRET.repeat(20), requestId: "ä" });
  expect(JSON.parse(written.join(""))).toEqual({
    level: "error",
    route: "unprintable",
    outcome: "unprintable",
    fault: "unprintable",
    requestId: "unprintable",
  });
});

test("what is answered is no line, what is refused only where it is asked for", () => {
  log({ route: "POST /redeem", outcome: "answered" });
  log({ route: "POST /redeem", outcome: "expired" });
  expect(written).toEqual([]);
  vi.stubEnv("LEPTA_LOG", "info");
  log({ route: "POST /redeem", outcome: "answered" });
  log({ route: "POST /redeem", outcome: "expired" });
  expect(written).toHaveLength(1);
});

test("the plain observer prints faults and nothing else", async () => {
  plainObserver.money("issued", euro("1.00"));
  plainObserver.refused("expired");
  plainObserver.count("faults", 1);
  plainObserver.measure("keyLifeLeft", 1);
  expect(await plainObserver.invocation("a", () => plainObserver.timed("settle", async () => 7))).toBe(7);
  expect(written).toEqual([]);
  plainObserver.log({ route: "finish", outcome: "failed", fault: "Error at run (x.ts:1:2)" });
  expect(written).toHaveLength(1);
});

describe("a fault", () => {
  test("is told by its kind and its place", () => {
    expect(describeFault(new RangeError(SECRET))).toMatch(/^RangeError at .*log\.test\.ts:\d+:\d+\)?$/);
  });

  test.each([
    ["a message of several lines that look like places", new Error(`a\n    at ${SECRET} (${SECRET}.ts:1:2)`)],
    ["a kind that is no name", Object.assign(new Error("x"), { name: `Error: ${SECRET}` })],
    ["something that is no error", SECRET],
    ["an object", { secret: SECRET }],
    ["an error without a stack", Object.assign(new Error(SECRET), { stack: undefined })],
    ["an error whose stack is only a text", Object.assign(new Error("x"), { stack: `x\n${SECRET}` })],
  ])("tells nothing of %s", (_what, error) => {
    expect(describeFault(error)).not.toContain(SECRET);
    expect(describeFault(error)).toMatch(/^\w+( at .+)?$/);
  });
});

describe("a request's id", () => {
  test.each([
    [{ requestContext: { requestId: "JKJaXmPLvHcESHA=" } }, { requestId: "JKJaXmPLvHcESHA=" }],
    [{ id: "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa" }, { requestId: "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa" }],
    [{ id: `a b\n${SECRET}` }, {}],
    [{ id: 7 }, {}],
    [{}, {}],
    [undefined, {}],
  ])("of %j is %j", (event, expected) => {
    expect(requestIdOf(event)).toEqual(expected);
  });
});
