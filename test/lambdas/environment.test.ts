import { readEnvironment, type Variables, variable } from "@lepta/lambdas";
import { describe, expect, test } from "vitest";

const HOUR = 3_600_000;
const needed: Variables = {
  [variable.table]: "table",
  [variable.rootKey]: "root",
  [variable.wrappingKey]: "wrapping",
  [variable.currency]: "EUR",
};
const read = (more: Variables = {}) => readEnvironment({ ...needed, ...more });
const times = (hold: number, claim?: number): Variables => ({
  [variable.holdTime]: String(hold),
  ...(claim === undefined ? {} : { [variable.claimTime]: String(claim) }),
});

describe("the environment of a function", () => {
  test("needs a table, two keys and a currency; everything else has a standard", () => {
    for (const name of Object.keys(needed)) {
      expect(() => read({ [name]: undefined }), name).toThrow(name);
      expect(() => read({ [name]: "" }), name).toThrow(name);
    }
    const { policy, suite, rail, dynamoDbEndpoint, kmsEndpoint } = read();
    expect({ suite, rail, dynamoDbEndpoint, kmsEndpoint }).toEqual({
      suite: "default",
      rail: "sandbox",
      dynamoDbEndpoint: undefined,
      kmsEndpoint: undefined,
    });
    expect(policy).toEqual({
      currency: "EUR",
      scripLife: 365 * 24 * HOUR,
      holdTime: 72 * HOUR,
      claimTime: 24 * HOUR,
      grace: 90 * 24 * HOUR,
      noticePatience: 7 * 24 * HOUR,
      disputeWindow: 400 * 24 * HOUR,
      recallableLimit: 0n,
    });
  });

  test.each<[what: string, name: string, value: string]>([
    ["a currency that is no code", variable.currency, "euro"],
    ["a suite that is not known", variable.suite, "figure-5"],
    ["a rail that is not known", variable.rail, "gold"],
    ["a time below nothing", variable.grace, "-1"],
    ["a dispute window that ends before credit is free", variable.disputeWindow, String(72 * HOUR)],
    ["a time with a fraction", variable.scripLife, "1.5"],
    ["a time that is no number", variable.noticePatience, "a week"],
    ["a time that is empty", variable.holdTime, ""],
    ["a limit that no whole number holds", variable.recallableLimit, "9".repeat(16)],
  ])("%s is refused by its variable's name", (_, name, value) => {
    expect(() => read({ [name]: value })).toThrow(name);
  });
});

describe("the time that a merchant has to answer a reversal", () => {
  test.each<[what: string, hold: number, claim: number]>([
    ["nothing: it could never answer", HOUR, 0],
    ["as long as credits are held", HOUR, HOUR],
    ["longer than credits are held", HOUR, HOUR + 1],
  ])("is not %s", (_, hold, claim) => {
    expect(() => read(times(hold, claim))).toThrow(variable.claimTime);
  });

  test("is a third of the time that credits are held, if nothing is said; a third of too little is refused", () => {
    expect(read(times(3 * HOUR)).policy.claimTime).toBe(HOUR);
    expect(read(times(3)).policy.claimTime).toBe(1);
    expect(() => read(times(2))).toThrow(variable.claimTime);
  });

  test.each<[hold: number, claim: number]>([
    [2, 1],
    [HOUR, HOUR - 1],
    // Where nothing is held nothing can be reversed.
    [0, 0],
  ])("of %d may be %d milliseconds", (hold, claim) => {
    expect(read(times(hold, claim)).policy).toMatchObject({ holdTime: hold, claimTime: claim });
  });
});
