/** The one place where ports meet adapters. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { KMSClient } from "@aws-sdk/client-kms";
import { defaultSuite, type Suite } from "@lepta/protocol";
import { dynamoDbStore } from "./aws/dynamodb-store.ts";
import { kmsKeyService } from "./aws/kms-key-service.ts";
import type { Rotation } from "./custody/keyring.ts";
import { tableCustody } from "./custody/table-custody.ts";
import { type Environment, readEnvironment, type Variables } from "./environment.ts";
import { type Broker, PeerCache } from "./pipeline/broker.ts";
import type { SigningPurpose } from "./ports/custody.ts";
import type { KeyService } from "./ports/kms.ts";
import { type Runtime, systemRuntime } from "./ports/runtime.ts";
import type { Store } from "./ports/store.ts";
import { sandboxRail } from "./rail/sandbox.ts";

/** What every function of one deployment shares. */
export interface Wiring {
  readonly environment: Environment;
  readonly store: Store;
  readonly keyService: KeyService;
  readonly suite: Suite;
  readonly runtime: Runtime;
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
  return {
    environment,
    store: dynamoDbStore(dynamoDb, table, runtime),
    keyService: kmsKeyService(kms, { rootKeyId, wrappingKeyId }),
    suite: await suiteOf(environment),
    runtime,
  };
}

/** The surroundings of a function that signs for this purpose. */
export function brokerFor(wiring: Wiring, purpose: SigningPurpose): Broker {
  const { environment, store, keyService, suite, runtime } = wiring;
  return {
    store,
    custody: tableCustody({ store, keyService, suite, runtime }, purpose),
    rail: sandboxRail(store, runtime),
    runtime,
    suite,
    policy: environment.policy,
    peers: new PeerCache(),
  };
}

/** What key rotation needs. */
export const rotationOf = ({ environment, store, keyService, suite, runtime }: Wiring): Rotation => ({
  store,
  keyService,
  suite,
  runtime,
  disputeWindow: environment.policy.disputeWindow,
});

/** The paper's own suite is loaded only where the broker was started with it by name. */
const suiteOf = async ({ suite }: Environment): Promise<Suite> =>
  suite === "figure-4" ? (await import("@lepta/protocol/suite/figure-4")).figure4Suite : defaultSuite;

/** A stand-in for an AWS service: it asks for a signature and does not check it. */
export const standIn = (endpoint: string) => ({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "embedded", secretAccessKey: "embedded" },
});
