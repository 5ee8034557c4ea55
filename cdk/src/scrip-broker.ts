/** The broker as one construct: everything that an account needs to run it, and nothing that reaches further. */
import type { Deployment } from "@lepta/lambdas/deployment";
import { type Settings, variablesOf } from "@lepta/lambdas/environment";
import { type FunctionName, functions } from "@lepta/lambdas/functions";
import { deploymentParameter } from "@lepta/lambdas/resources";
import { routes, schedules } from "@lepta/lambdas/routes";
import { CustomResource, Duration, RemovalPolicy, Stack, Validations } from "aws-cdk-lib";
import type { HttpApi } from "aws-cdk-lib/aws-apigatewayv2";
import type { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { NodejsFunction } from "aws-cdk-lib/aws-lambda-nodejs";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { StringParameter } from "aws-cdk-lib/aws-ssm";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { createAlarms } from "./alarms.ts";
import { createFunction } from "./broker-function.ts";
import { createDashboard, dashboardUrl } from "./dashboard.ts";
import { createHttpApi } from "./http-api.ts";
import { createJournal, followStream, journalStatements } from "./journal.ts";
import { BrokerKeys } from "./keys.ts";
import { ConfigurationError, checkProps, type ScripBrokerProps } from "./props.ts";
import { rootStatements, storageStatements, tableStatements, wrappingStatements } from "./rights.ts";
import { createRoles, type Roles } from "./roles.ts";
import { createSchedules } from "./schedules.ts";
import { type BrokerTable, createTable, restoredTable } from "./table.ts";

/** A broker. Throws `ConfigurationError` where the properties make no sense. */
export class ScripBroker extends Construct {
  readonly props: ScripBrokerProps;
  /** Without a slash at its end. */
  readonly url: string;
  /** Thumbprint of the root key, known when it is deployed: what peers pin. */
  readonly network: string;
  readonly dashboardUrl: string;
  /** The table in service. */
  readonly table: BrokerTable;
  readonly journal: Bucket;
  readonly keys: BrokerKeys;
  readonly functions: Readonly<Record<FunctionName, NodejsFunction>>;
  readonly roles: Roles;
  readonly api: HttpApi;
  /** Walks the table and checks the books. */
  readonly reconciliation: StateMachine;

  constructor(scope: Construct, id: string, props: ScripBrokerProps) {
    super(scope, id);
    checkProps(props);
    this.props = props;
    this.#checkAlone();
    const { stage, currency, alarmEmail, throttle = {}, tracing = true } = props;
    const { region } = Stack.of(this);
    const logRetention = retentionOf(props);
    this.roles = createRoles(this, stage);
    this.keys = new BrokerKeys(this, "Kms", { stage, roles: this.roles });
    const made = createTable(this, this.keys.storage);
    const restored = props.restoredTable && restoredTable(this, this.keys.storage, props.restoredTable);
    this.table = restored ?? made;
    // What a table that was lost told last is still to be journalled when a restored one has taken its place.
    const journalled = restored ? [made, restored] : [made];
    this.journal = createJournal(this, this.keys.storage);
    const deadLetters = new Queue(this, "DeadLetters", {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const variables = variablesOf(this.#settings());
    const build = (name: FunctionName) =>
      createFunction(this, {
        name,
        stage,
        role: this.roles[name],
        rights: [
          ...this.#rightsOf(name),
          ...(functions[name].journals === true
            ? journalStatements(journalled, this.journal, this.keys.storage, region)
            : []),
        ],
        variables,
        logRetention,
        tracing,
        reservedConcurrency: props.reservedConcurrency?.[name],
        deadLetters: isAsynchronous(name) ? deadLetters : undefined,
      });
    this.functions = forEach(build);
    const { api, url } = createHttpApi(this, { stage, functions: this.functions, throttle, logRetention });
    this.api = api;
    this.url = url;
    const { journal: target } = this.functions;
    followStream(this, "Stream", { table: made, target, deadLetters });
    if (restored) followStream(this, "RestoredStream", { table: restored, target, deadLetters });
    this.reconciliation = createSchedules(this, { stage, functions: this.functions, deadLetters });
    const { table, functions: built, reconciliation } = this;
    const watched = { stage, api, functions: built, table, deadLetters, reconciliation };
    const { alarms } = createAlarms(this, watched, alarmEmail);
    createDashboard(this, { ...watched, currency, alarms });
    this.dashboardUrl = dashboardUrl(this, stage);
    this.network = this.#firstKeys();
    this.#nameEverything();
    Validations.of(this).addWarning(
      "Lepta:SandboxRail",
      `The stage "${stage}" takes play money: the sandbox bank gives every account 1,000 ${currency}. Put nothing of value behind it.`,
    );
  }

  /** Two brokers of one name would fight for the same aliases and parameter, and the second deployment would fail halfway. */
  #checkAlone(): void {
    const { stage } = this.props;
    const others = this.node.root.node
      .findAll()
      .filter((each) => each instanceof ScripBroker && each !== this && each.props?.stage === stage);
    if (others.length > 0)
      throw new ConfigurationError(
        `Two brokers of this app have the stage "${stage}": ${others[0]?.node.path} and ${this.node.path}. Give one of them another name.`,
      );
  }

  #settings(): Settings {
    const { keys, table, journal, props } = this;
    const { scripLife, holdTime, claimTime, grace, noticePatience, disputeWindow, recallableLimit } = props;
    return {
      table: table.tableName,
      rootKey: keys.root.keyArn,
      wrappingKey: keys.wrapping.keyArn,
      journal: journal.bucketName,
      currency: props.currency,
      rail: props.rail ?? "sandbox",
      ...milliseconds({ scripLife, holdTime, claimTime, grace, noticePatience, disputeWindow }),
      ...(recallableLimit === undefined ? {} : { recallableLimit }),
    };
  }

  #rightsOf(name: FunctionName): readonly PolicyStatement[] {
    const definition = functions[name];
    const { keys, table } = this;
    const { region } = Stack.of(this);
    return [
      ...tableStatements(definition.table, table.tableArn),
      ...storageStatements(definition.table, keys.storage.keyArn, region),
      ...rootStatements(definition, keys.root.keyArn),
      ...wrappingStatements(definition, keys.wrapping.keyArn),
    ];
  }

  /** The first rotation is part of the deployment: without keys nothing answers, and the root's thumbprint is an output. */
  #firstKeys(): string {
    const { rotate } = this.functions;
    const keys = new CustomResource(this, "FirstKeys", {
      serviceToken: rotate.functionArn,
      resourceType: "Custom::LeptaKeys",
      properties: { rootKey: this.keys.root.keyArn },
      serviceTimeout: Duration.minutes(5),
    });
    keys.node.addDependency(rotate, this.table, this.keys);
    return keys.getAttString("Network");
  }

  /** What `lepta-admin` finds its way by. */
  #nameEverything(): void {
    const { stage } = this.props;
    const deployment: Deployment = {
      version: 1,
      stage,
      region: Stack.of(this).region,
      url: this.url,
      rootKey: this.keys.root.keyArn,
      wrappingKey: this.keys.wrapping.keyArn,
      table: this.table.tableName,
      journalBucket: this.journal.bucketName,
      functions: forEach((name) => this.functions[name].functionName),
      dashboard: this.dashboardUrl,
      alarmPrefix: `lepta-${stage}-`,
      stateMachine: this.reconciliation.stateMachineArn,
    };
    new StringParameter(this, "Deployment", {
      parameterName: deploymentParameter(stage),
      description: `Lepta ${stage}: where everything is. lepta-admin reads it.`,
      stringValue: Stack.of(this).toJsonString(deployment),
    });
  }
}

const forEach = <T>(make: (name: FunctionName) => T): Record<FunctionName, T> =>
  Object.fromEntries((Object.keys(functions) as FunctionName[]).map((name) => [name, make(name)])) as Record<
    FunctionName,
    T
  >;

/** Nobody waits for the answer of what a rule calls. */
const isAsynchronous = (name: FunctionName): boolean =>
  name !== "reconcile" &&
  schedules.some(({ capability }) => capability === name) &&
  routes.every(({ capability }) => capability !== name);

const milliseconds = (durations: Readonly<Record<string, Duration | undefined>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(durations).flatMap(([name, duration]) =>
      duration === undefined ? [] : [[name, duration.toMilliseconds()]],
    ),
  );

const RETENTION: ReadonlyMap<number, RetentionDays> = new Map(
  Object.values(RetentionDays)
    .filter((value): value is number => typeof value === "number" && value < RetentionDays.INFINITE)
    .map((value) => [value, value]),
);

function retentionOf({ stage, logRetention = Duration.days(90) }: ScripBrokerProps): RetentionDays {
  const retention = RETENTION.get(logRetention.toDays());
  if (retention !== undefined) return retention;
  throw new ConfigurationError(
    `The stage "${stage}" keeps logs for ${logRetention.toDays()} days, which CloudWatch does not offer. Choose one of ${[...RETENTION.keys()].join(", ")}.`,
  );
}
