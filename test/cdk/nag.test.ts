/** cdk-nag's AwsSolutions finds nothing that is not acknowledged, and nothing is acknowledged that it does not find. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BrokerStack, ScripBroker } from "@lepta/cdk";
import { type App, Stack, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { expect, test } from "vitest";
import { standardStage, withApp } from "./support/synthesise.ts";

interface Violation {
  readonly ruleName: string;
  readonly violatingConstructs: readonly { readonly constructPath: string }[];
  readonly acknowledgedId?: string;
  readonly acknowledgedAt?: string;
  readonly reason?: string;
}

interface Report {
  readonly violations: readonly Violation[];
  readonly suppressedViolations?: readonly Violation[];
}

interface Checked {
  readonly report: Report;
  /** What was thrown in place of a template. */
  readonly failure: unknown;
  /** Construct and rule of each acknowledgement. */
  readonly acknowledged: readonly string[];
}

/** What cdk-nag says of what is built, and what was acknowledged while it was. */
function check(build: (app: App) => void): Checked {
  return withApp((app) => {
    Validations.of(app).addPlugins(new AwsSolutionsChecks());
    build(app);
    const acknowledged = app.node
      .findAll()
      .flatMap(({ node }) => node.metadata.map(({ type, data }) => ({ path: node.path, type, data })))
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ path, data }) => Object.keys(data).map((id) => `${path} ${id}`));
    const reason = "Said on every synthesis of an operator's, not on every run of the tests.";
    Validations.of(app).acknowledge({ id: "Annotation::Lepta:SandboxRail", reason });
    let failure: unknown;
    try {
      app.synth();
    } catch (error) {
      failure = error;
    }
    const { pluginReports } = JSON.parse(readFileSync(join(app.outdir, "validation-report.json"), "utf8"));
    const report = pluginReports.find(
      ({ pluginName }: { pluginName: string }) => pluginName === "AwsSolutions",
    );
    return { report, failure, acknowledged };
  });
}

const found = (violations: readonly Violation[] = []): readonly string[] =>
  violations
    .flatMap(({ ruleName, violatingConstructs: all }) =>
      all.map(({ constructPath }) => `${constructPath} ${ruleName}`),
    )
    .sort();

test("no finding is left, and each acknowledgement stands against one and says why", () => {
  const { report, failure, acknowledged } = check((app) => {
    new BrokerStack(app, standardStage);
  });
  expect(failure).toBeUndefined();
  expect(found(report.violations)).toEqual([]);
  const { suppressedViolations = [] } = report;
  const needed = suppressedViolations.map(
    ({ acknowledgedAt, acknowledgedId }) => `${acknowledgedAt} ${acknowledgedId}`,
  );
  expect([...new Set(needed)].sort()).toEqual([...new Set(acknowledged)].sort());
  for (const { reason } of suppressedViolations) expect(reason).toMatch(/^\w.{20,}\.$/);
});

test("without the acknowledgements, the same findings fail the synthesis", () => {
  const bare = check((app) => {
    const { name: stage, currency, alarmEmail } = standardStage;
    new ScripBroker(new Stack(app, "lepta-test"), "Broker", { stage, currency, alarmEmail });
  });
  expect(bare.failure).toMatchObject({ name: "ValidationFailed" });
  const whole = check((app) => {
    new BrokerStack(app, standardStage);
  });
  expect(bare.acknowledged).toEqual([]);
  expect(found(bare.report.violations)).toEqual(found(whole.report.suppressedViolations));
  expect(found(bare.report.violations)).not.toEqual([]);
});
