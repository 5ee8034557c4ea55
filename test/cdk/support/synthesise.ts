/** A stage's template as `npm run synth` makes it, but without bundling: a second or two instead of a minute. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BrokerStack, type StageConfiguration } from "@lepta/cdk";
import { App, Validations } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";

/** One resource of a template. */
export interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly DependsOn?: readonly string[] | string;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

/** As CloudFormation reads it. */
export interface TemplateJson {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs: Readonly<Record<string, { readonly Value: unknown; readonly Description?: string }>>;
}

export interface Synthesised {
  readonly stack: BrokerStack;
  readonly template: Template;
  readonly json: TemplateJson;
}

const { stages, ...flags } = JSON.parse(
  readFileSync(new URL("../../../cdk.json", import.meta.url), "utf8"),
).context;

/** The stages that cdk.json deploys. */
export const cdkStages: unknown = stages;

/** What the tests deploy: only what must be said is said. */
export const standardStage: StageConfiguration = { name: "test", currency: "EUR", alarmEmail: "none" };

/** Works with an app that has cdk.json's feature flags and bundles nothing; what it writes is removed afterwards. */
export function withApp<T>(work: (app: App) => T): T {
  const outdir = mkdtempSync(join(tmpdir(), "lepta-cdk-"));
  try {
    return work(new App({ outdir, context: { ...flags, "aws:cdk:bundling-stacks": [] } }));
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

/** Synthesises one stage. */
export const synthesise = (stage: Partial<StageConfiguration> = {}): Synthesised =>
  withApp((app) => {
    const stack = new BrokerStack(app, { ...standardStage, ...stage });
    // Said on every synthesis of an operator's, not on every run of the tests.
    Validations.of(stack).acknowledge({
      id: "Annotation::Lepta:SandboxRail",
      reason: "Nothing is deployed.",
    });
    const template = Template.fromStack(stack);
    return { stack, template, json: template.toJSON() as TemplateJson };
  });

/** The resources of one type, by their logical ids. */
export const ofType = ({ Resources }: TemplateJson, type: string): readonly (readonly [string, Resource])[] =>
  Object.entries(Resources).filter(([, resource]) => resource.Type === type);
