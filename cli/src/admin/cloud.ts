/** The way to a deployment: AWS as the SDK finds it, or the embedded cloud whose data directory is named. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { KMSClient } from "@aws-sdk/client-kms";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { S3Client } from "@aws-sdk/client-s3";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { type Deployment, readDeployment } from "@lepta/lambdas/deployment";
import { deploymentParameter } from "@lepta/lambdas/resources";
import { AdminFault, sentenceFor, whyUnreachable } from "./fault.ts";
import type { Place } from "./options.ts";

/** The SDK's clients for one deployment. */
export interface Cloud {
  readonly stage: string;
  /** The data directory of the embedded cloud, where it is that. */
  readonly embedded?: string;
  readonly ssm: SSMClient;
  readonly lambda: LambdaClient;
  /** For invocations: each is sent once, because a function that was cut off may have done its work. */
  readonly invoker: LambdaClient;
  readonly kms: KMSClient;
  readonly dynamoDb: DynamoDBClient;
  readonly cloudWatch: CloudWatchClient;
  readonly s3: S3Client;
}

/** How long a connection may take, in milliseconds. */
const CONNECTION_TIMEOUT = 5_000;
/** How long a function may take to answer, in milliseconds: Lambda's own longest time and some. */
const INVOCATION_TIMEOUT = 905_000;
/** How long any other service may take to answer, in milliseconds; three times at most. */
const REQUEST_TIMEOUT = 10_000;

/** Makes the clients; nothing is asked yet. Throws where no embedded cloud runs in the directory that is named. */
export function connectCloud(place: Place): Cloud {
  const { stage, region, environment } =
    "embedded" in place ? readAccess(place.embedded) : { ...place, environment: undefined };
  const standIn = (service: string) => {
    if (environment === undefined) return region === undefined ? {} : { region };
    const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = environment;
    const endpoint = environment[`AWS_ENDPOINT_URL_${service}`];
    return {
      region: region ?? "us-east-1",
      credentials: { accessKeyId, secretAccessKey },
      // A service that the embedded cloud lacks must not be asked of AWS.
      endpoint: endpoint ?? "http://127.0.0.1:1",
    };
  };
  const common = (service: string, requestTimeout = REQUEST_TIMEOUT, maxAttempts = 3) => ({
    ...standIn(service),
    maxAttempts,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT, requestTimeout, throwOnRequestTimeout: true },
  });
  return {
    stage,
    ...("embedded" in place ? { embedded: place.embedded } : {}),
    ssm: new SSMClient(common("SSM")),
    lambda: new LambdaClient(common("LAMBDA")),
    invoker: new LambdaClient(common("LAMBDA", INVOCATION_TIMEOUT, 1)),
    kms: new KMSClient(common("KMS")),
    dynamoDb: new DynamoDBClient(common("DYNAMODB")),
    cloudWatch: new CloudWatchClient(common("CLOUDWATCH")),
    s3: new S3Client({ ...common("S3"), forcePathStyle: environment !== undefined }),
  };
}

/** Ends the connections. */
export function disconnect({ ssm, lambda, invoker, kms, dynamoDb, cloudWatch, s3 }: Cloud): void {
  for (const client of [ssm, lambda, invoker, kms, dynamoDb, cloudWatch, s3]) client.destroy();
}

/** The deployment's manifest. Throws a sentence where there is none or it cannot be read. */
export async function loadDeployment({ ssm, stage, embedded }: Cloud): Promise<Deployment> {
  const Name = deploymentParameter(stage);
  const value = await ssm.send(new GetParameterCommand({ Name })).then(
    ({ Parameter }) => Parameter?.Value ?? "",
    (error: unknown) => {
      if (embedded !== undefined && whyUnreachable(error) !== undefined) throw notRunning(embedded);
      if (!(error instanceof Error) || error.name !== "ParameterNotFound") throw error;
      throw new AdminFault(
        `There is no deployment of the stage ${stage} in this account and region (no parameter ${Name}): deploy it ` +
          `with npx cdk deploy -c stage=${stage}, or name another with --stage and --region.`,
      );
    },
  );
  try {
    const deployment = readDeployment(value);
    if (deployment.stage !== stage)
      throw new Error(`The deployment's manifest is one of the stage ${deployment.stage}.`);
    return deployment;
  } catch (error) {
    const words = error instanceof Error ? error.message : sentenceFor(error);
    throw new AdminFault(`${words} Deploy this release again to write ${Name} anew.`);
  }
}

/** What the embedded cloud wrote into its data directory. */
function readAccess(dir: string) {
  const file = join(dir, "lepta-admin.json");
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw notRunning(dir);
  }
  try {
    const { stage, environment } = JSON.parse(text) as {
      readonly stage: string;
      readonly environment: Readonly<Record<string, string>>;
    };
    if (typeof stage !== "string" || typeof environment.AWS_ENDPOINT_URL_SSM !== "string") throw new Error();
    return { stage, region: environment.AWS_REGION, environment };
  } catch {
    throw new AdminFault(`${file} cannot be read: stop the broker there and start it again.`);
  }
}

const notRunning = (dir: string): AdminFault =>
  new AdminFault(
    `No embedded broker runs in ${resolve(dir)}: start one with npm start -- --data "${dir}", and leave it running.`,
  );
