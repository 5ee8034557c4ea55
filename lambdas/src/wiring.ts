/** The one place where ports meet adapters. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { KMSClient } from "@aws-sdk/client-kms";
import { defaultSuite, type Suite } from "@lepta/protocol";
import { countKmsCalls } from "./aws/count-kms-calls.ts";
import { dynamoDbScan } from "./aws/dynamodb-scan.ts";
import { dynamoDbStore } from "./aws/dynamodb-store.ts";
import { kmsKeyService } from "./aws/kms-key-service.ts";
import type { Tracing } from "./aws/powertools-tracing.ts";
import type { Rotation } from "./custody/keyring.ts";
import { tableCustody } from "./custody/table-custody.ts";
import { type Environment, readEnvironment, type Variables } from "./environment.ts";
import { plainObserver } from "./log.ts";
import { type Broker, PeerCache } from "./pipeline/broker.ts";
import type { Reconciliation } from "./pipeline/reconciliation.ts";
import type { SigningPurpose } from "./ports/custody.ts";
import type { KeyService } from "./ports/kms.ts";
import type { Observer } from "./ports/observer.ts";
import { type Runtime, systemRuntime } from "./ports/runtime.ts";
import type { Scan } from "./ports/scan.ts";
import type { Store } from "./ports/store.ts";
import { sandboxRail } from "./rail/sandbox.ts";

/** What every function of one deployment shares. */
export interface Wiring {
  readonly environment: Environment;
  readonly store: Store;
  /** Only the function that checks the books may read at large. */
  readonly scan: Scan;
  readonly keyService: KeyService;
  readonly suite: Suite;
  readonly runtime: Runtime;
  readonly observer: Observer;
}

/** The SDK's clients behind the ports. */
export interface Clients {
  readonly dynamoDb: DynamoDBClient;
  readonly kms: KMSClient;
}

/** Clients of AWS, or of what stands in for it where the variables name an endpoint. */
export const connect = ({ dynamoDbEndpoint, kmsEndpoint }: Environment): Clients => ({
  dynamoDb: new DynamoDBClient(dynamoDbEndpoint === undefined ? {} : standIn(dynamoDbEndpoint)),
  kms: new KMSClient(kmsEndpoint === undefined ? {} : standIn(kmsEndpoint)),
});

/** Ports on AWS, as the variables say. Whoever counts or checks requests looks at the clients first. */
export async function wire(
  variables: Variables,
  runtime: Runtime = systemRuntime,
  watch: (clients: Clients) => void = () => {},
): Promise<Wiring> {
  const environment = readEnvironment(variables);
  const { table, rootKey: rootKeyId, wrappingKey: wrappingKeyId } = environment;
  const { dynamoDb, kms } = connect(environment);
  watch({ dynamoDb, kms });
  const tracing = await tracingOf(variables, environment);
  for (const client of [dynamoDb, kms]) tracing?.capture(client);
  const observer = await observerOf(variables, tracing);
  countKmsCalls(kms, observer);
  return {
    environment,
    store: dynamoDbStore(dynamoDb, table, runtime),
    scan: dynamoDbScan(dynamoDb, table, runtime),
    keyService: kmsKeyService(kms, { rootKeyId, wrappingKeyId }),
    suite: await suiteOf(environment),
    runtime,
    observer,
  };
}

/** The surroundings of a function that signs for this purpose. */
export function brokerFor(wiring: Wiring, purpose: SigningPurpose): Broker {
  const { environment, store, keyService, suite, runtime, observer } = wiring;
  return {
    store,
    custody: tableCustody({ store, keyService, suite, runtime, table: environment.table }, purpose),
    rail: sandboxRail(store, runtime),
    runtime,
    suite,
    policy: environment.policy,
    peers: new PeerCache(),
    observer,
  };
}

/** What checking the books needs: it reads, and what it is given cannot write. */
export const reconciliationOf = ({ environment, store, scan, runtime }: Wiring): Reconciliation => ({
  store: { get: store.get, list: store.list },
  scan,
  runtime,
  currency: environment.policy.currency,
});

/** What key rotation needs. */
export const rotationOf = ({ store, keyService, suite, runtime, environment }: Wiring): Rotation => ({
  store,
  keyService,
  suite,
  runtime,
  table: environment.table,
  disputeWindow: environment.policy.disputeWindow,
});

/** The paper's own suite is loaded only where the broker was started with it by name. */
const suiteOf = async ({ suite }: Environment): Promise<Suite> =>
  suite === "figure-4" ? (await import("@lepta/protocol/suite/figure-4")).figure4Suite : defaultSuite;

/** Metrics are written where the deployment names their namespace; elsewhere only our own faults are told. */
async function observerOf(variables: Variables, tracing: Tracing | undefined): Promise<Observer> {
  const namespace = variables.POWERTOOLS_METRICS_NAMESPACE ?? "";
  if (namespace === "") return plainObserver;
  const { powertoolsObserver } = await import("./aws/powertools-observer.ts");
  return powertoolsObserver({ namespace, service: serviceOf(variables), tracing });
}

/** Traces are collected on Lambda itself, from AWS's own services. */
async function tracingOf(variables: Variables, environment: Environment): Promise<Tracing | undefined> {
  const isOnLambda = (variables.AWS_LAMBDA_FUNCTION_NAME ?? "") !== "";
  if (!isOnLambda || environment.dynamoDbEndpoint !== undefined) return undefined;
  return (await import("./aws/powertools-tracing.ts")).powertoolsTracing(serviceOf(variables));
}

const serviceOf = (variables: Variables): string => variables.POWERTOOLS_SERVICE_NAME ?? "broker";

/** A stand-in for an AWS service: it asks for a signature and does not check it. */
export const standIn = (endpoint: string) => ({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "embedded", secretAccessKey: "embedded" },
});
