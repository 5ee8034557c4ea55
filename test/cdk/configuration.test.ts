/** A mistake in the configuration is refused before anything is made, in a sentence that names the stage and says what to change. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BrokerStack, ConfigurationError, ScripBroker, type StageConfiguration } from "@lepta/cdk";
import { readStages } from "@lepta/cdk/configuration";
import { readEnvironment } from "@lepta/lambdas";
import { Stack } from "aws-cdk-lib";
import { describe, expect, test } from "vitest";
import { textOf } from "./support/iam.ts";
import { cdkStages, ofType, standardStage, synthesise, withApp } from "./support/synthesise.ts";

const DAY = 24 * 60 * 60 * 1000;

/** What is said of a configuration as it stands in cdk.json, read and built; undefined where nothing is. */
function refusalOf(stages: unknown, only?: unknown): string | undefined {
  try {
    withApp((app) => {
      for (const stage of readStages(stages, only)) new BrokerStack(app, stage);
    });
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  return undefined;
}

const shop = { name: "shop", currency: "EUR", alarmEmail: "a@example.org" };
const { alarmEmail: _, ...silent } = shop;

describe("a stage is refused", () => {
  test.each<readonly [why: string, stage: unknown, says: RegExp]>([
    ["in a currency that is none", { ...shop, currency: "EUX" }, /"shop".*"EUX".*ISO 4217.*Write one/],
    ["in a currency in small letters", { ...shop, currency: "eur" }, /"shop".*"eur".*in capitals/],
    ["without a currency", { name: "shop", alarmEmail: "none" }, /"shop".*currency.*Write one/],
    ["without an address for alarms", silent, /"shop".*no address for alarms.*Set "alarmEmail"/],
    [
      "with an empty address",
      { ...shop, alarmEmail: " " },
      /"shop".*no address for alarms.*Set "alarmEmail"/,
    ],
    [
      "with an address that is none",
      { ...shop, alarmEmail: "me" },
      /"shop".*"me".*no e-mail address.*Set "alarmEmail"/,
    ],
    [
      "with two addresses",
      { ...shop, alarmEmail: "a@b.c, d@e.f" },
      /"shop".*no e-mail address.*Set "alarmEmail"/,
    ],
    ["without a name", { currency: "EUR", alarmEmail: "none" }, /no name\. Give it one/],
    ["with a name that cannot be part of others", { ...shop, name: "Shop" }, /"Shop".*Use 1 to 20/],
    [
      "with credits that are held longer than evidence is kept",
      { ...shop, holdTimeDays: 500 },
      /"shop" keeps evidence for 400 days and holds credits for 500 days/,
    ],
    ["with a name that no stack could have", { ...shop, name: "My shop" }, /"My shop".*Use 1 to 20/],
    [
      "with traces that are neither on nor off",
      { ...shop, tracing: "yes" },
      /"tracing" to "yes".*true or false/,
    ],
    [
      "with concurrency for a function that there is none of",
      { ...shop, reservedConcurrency: { pay: 5 } },
      /"reservedConcurrency".*by function/,
    ],
    ["with an account that is a number", { ...shop, account: 123456789012 }, /"account".*twelve digits/],
    ["with a region that is none", { ...shop, region: "Frankfurt" }, /"region" to "Frankfurt".*eu-central-1/],
    ["with too long a name", { ...shop, name: "a".repeat(21) }, /"a{21}".*Use 1 to 20/],
    [
      "with a key that means nothing",
      { ...shop, curency: "EUR" },
      /"shop".*"curency".*It may set .*currency/,
    ],
    [
      "with a part of a day",
      { ...shop, graceDays: 0.5 },
      /"shop".*"graceDays" to 0\.5.*whole number of days/,
    ],
    ["with no days", { ...shop, holdTimeDays: 0 }, /"shop".*"holdTimeDays" to 0.*whole number of days/],
    ["with days in words", { ...shop, scripLifeDays: "90" }, /"shop".*"scripLifeDays" to "90".*whole number/],
    [
      "with a claim time as long as the hold time",
      { ...shop, claimTimeDays: 3 },
      /"shop".*3 days.*Make claimTime shorter than holdTime/,
    ],
    [
      "with a claim time longer than a hold time of its own",
      { ...shop, claimTimeDays: 6, holdTimeDays: 5 },
      /"shop".*6 days.*5 days.*Make claimTime shorter/,
    ],
    [
      "with evidence that goes before the hold ends",
      { ...shop, disputeWindowDays: 3 },
      /"shop".*3 days.*Make disputeWindow longer than holdTime/,
    ],
    [
      "with logs kept as CloudWatch does not",
      { ...shop, logRetentionDays: 42 },
      /"shop".*42 days.*Choose one of 1, 3, 5/,
    ],
  ])("%s", (_, stage, says) => {
    expect(refusalOf([stage])).toMatch(says);
  });
});

describe("the list of stages is refused", () => {
  test.each<readonly [why: string, stages: unknown]>([
    ["where it is missing", undefined],
    ["where it is empty", []],
    ["where it is none", { shop }],
  ])("%s", (_, stages) => {
    expect(refusalOf(stages)).toMatch(/cdk\.json has no stages\. Add "stages": \[\{/);
  });

  test("where two have one name", () => {
    expect(refusalOf([shop, { ...shop, currency: "USD" }])).toMatch(/Two stages.*"shop".*Rename one/);
  });

  test("where the command line names a stage that it has not", () => {
    expect(refusalOf([shop], "prod")).toMatch(/no stage "prod".*It has "shop".*-c stage=NAME/);
  });
});

test("two brokers of one app may not have one stage, wherever they stand", () => {
  const both = (second: string) =>
    withApp((app) => {
      const props = { stage: "shop", currency: "EUR", alarmEmail: "none" };
      new ScripBroker(new Stack(app, "one"), "Broker", props);
      new ScripBroker(new Stack(app, "two"), "Broker", { ...props, stage: second });
    });
  expect(() => both("shop")).toThrow(
    /Two brokers of this app have the stage "shop": one\/Broker and two\/Broker\. Give one of them another name/,
  );
  expect(() => both("other")).not.toThrow();
});

describe("good ones are accepted", () => {
  test("cdk.json's own, each alone and all together", () => {
    expect(refusalOf(cdkStages)).toBeUndefined();
    for (const { name } of readStages(cdkStages, undefined))
      expect(refusalOf(cdkStages, name)).toBeUndefined();
  });

  test("one of several, and only that one is made", () => {
    const others = [shop, { ...shop, name: "test-2", currency: "JPY", alarmEmail: "none" }];
    expect(readStages(others, "test-2").map(({ name }) => name)).toEqual(["test-2"]);
    expect(refusalOf(others)).toBeUndefined();
  });

  test("where an account and a region are named, the stack is bound to them", () => {
    withApp((app) => {
      const stack = new BrokerStack(app, {
        ...standardStage,
        account: "123456789012",
        region: "eu-central-1",
      });
      expect([stack.account, stack.region]).toEqual(["123456789012", "eu-central-1"]);
    });
  });

  test("where nobody is to be told of alarms, no mail is subscribed", () => {
    expect(ofType(synthesise({ alarmEmail: "none" }).json, "AWS::SNS::Subscription")).toEqual([]);
  });
});

test("what is configured is what the functions read", () => {
  const configured: Partial<StageConfiguration> = {
    currency: "JPY",
    scripLifeDays: 100,
    holdTimeDays: 10,
    claimTimeDays: 4,
    graceDays: 20,
    noticePatienceDays: 2,
    disputeWindowDays: 30,
  };
  const { json } = synthesise(configured);
  for (const [, { Properties = {} }] of ofType(json, "AWS::Lambda::Function")) {
    const { Variables } = Properties.Environment as { readonly Variables: Record<string, unknown> };
    const variables = Object.fromEntries(
      Object.entries(Variables).map(([name, value]) => [name, textOf(value)]),
    );
    expect(readEnvironment(variables).policy).toEqual({
      currency: "JPY",
      scripLife: 100 * DAY,
      holdTime: 10 * DAY,
      claimTime: 4 * DAY,
      grace: 20 * DAY,
      noticePatience: 2 * DAY,
      disputeWindow: 30 * DAY,
      recallableLimit: 0n,
    });
  }
});

test("the operator reads the sentence and no stack, and the synthesis has failed", () => {
  const out = mkdtempSync(join(tmpdir(), "lepta-app-"));
  try {
    const { status, stderr } = spawnSync(process.execPath, ["tools/run.mjs", "cdk/src/app.ts"], {
      encoding: "utf8",
      env: {
        ...process.env,
        CDK_OUTDIR: out,
        CDK_CONTEXT_JSON: JSON.stringify({ stages: [shop], stage: "prod" }),
      },
    });
    expect(stderr).toMatch(/^lepta: There is no stage "prod" in cdk\.json\..*\n$/);
    expect(status).toBe(1);
  } finally {
    rmSync(out, { recursive: true });
  }
});
