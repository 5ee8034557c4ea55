/** One function of the broker: its bundle, its size, its role's rights, its log. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type FunctionName, functions } from "@lepta/lambdas/functions";
import { metricNamespace } from "@lepta/lambdas/metrics";
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { PolicyStatement, type Role } from "aws-cdk-lib/aws-iam";
import { Architecture, Runtime, Tracing } from "aws-cdk-lib/aws-lambda";
import { LogLevel, NodejsFunction, OutputFormat, SourceMapMode } from "aws-cdk-lib/aws-lambda-nodejs";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { pascal } from "./roles.ts";

export interface BrokerFunctionOptions {
  readonly name: FunctionName;
  readonly stage: string;
  readonly role: Role;
  readonly rights: readonly PolicyStatement[];
  /** What `variablesOf` says of this deployment. */
  readonly variables: Readonly<Record<string, string>>;
  readonly logRetention: RetentionDays;
  readonly tracing: boolean;
  readonly reservedConcurrency: number | undefined;
  /** Where events go that nobody waits for and that failed every time. */
  readonly deadLetters: Queue | undefined;
}

export function createFunction(scope: Construct, options: BrokerFunctionOptions): NodejsFunction {
  const { name, stage, role, rights, variables, logRetention, tracing } = options;
  const { memoryMiB, timeoutSeconds } = functions[name];
  const logGroup = new LogGroup(scope, `${pascal(name)}Log`, {
    retention: logRetention,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  for (const statement of rights) role.addToPolicy(statement);
  // The ARN of a log group ends with `:*`, its streams, which Lambda names itself.
  role.addToPolicy(
    new PolicyStatement({
      actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
      resources: [logGroup.logGroupArn],
    }),
  );
  return new NodejsFunction(scope, `${pascal(name)}Function`, {
    description: `Lepta ${stage}: ${name}`,
    entry: join(SOURCES, "handlers", `${name}.ts`),
    handler: "handler",
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    memorySize: memoryMiB,
    timeout: Duration.seconds(timeoutSeconds),
    role,
    logGroup,
    tracing: tracing ? Tracing.ACTIVE : Tracing.DISABLED,
    environment: {
      ...variables,
      POWERTOOLS_SERVICE_NAME: name,
      POWERTOOLS_METRICS_NAMESPACE: metricNamespace(stage),
      NODE_OPTIONS: "--enable-source-maps",
    },
    ...(options.reservedConcurrency === undefined
      ? {}
      : { reservedConcurrentExecutions: options.reservedConcurrency }),
    ...(options.deadLetters === undefined
      ? {}
      : { deadLetterQueue: options.deadLetters, maxEventAge: Duration.hours(1), retryAttempts: 2 }),
    projectRoot: ROOT,
    depsLockFilePath: join(ROOT, "package-lock.json"),
    bundling: {
      format: OutputFormat.ESM,
      target: "node24",
      minify: true,
      sourceMap: true,
      // The bundle names its map: Node looks for none that it is not told of.
      sourceMapMode: SourceMapMode.DEFAULT,
      sourcesContent: false,
      logLevel: LogLevel.ERROR,
      mainFields: ["module", "main"],
      // The SDK's clients are bundled: what was tested is what runs, whatever the runtime brings along.
      externalModules: [PAPER_SUITE],
      // Libraries that were written for CommonJS ask for Node's own modules this way.
      banner:
        'import{createRequire as leptaRequire}from"node:module";const require=leptaRequire(import.meta.url);',
    },
  });
}

/** The paper's own suite is loaded only where a broker is started with it by name, which a deployment never is. */
const PAPER_SUITE = "@lepta/protocol/suite/figure-4";

const SOURCES = dirname(createRequire(import.meta.url).resolve("@lepta/lambdas/routes"));
const ROOT = join(SOURCES, "..", "..");
