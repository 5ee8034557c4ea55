/**
 * The way in for an operator: functions and the deployment's manifest behind the APIs that AWS has for them, and a file in
 * the data directory that tells `lepta-admin --embedded DIRECTORY` where they are.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Deployment,
  deploymentParameter,
  type FunctionName,
  functions,
  type Variables,
} from "@lepta/lambdas";
import { fileName } from "./data-directory.ts";
import { type DevelopmentFunction, startDevelopmentServices } from "./development-services.ts";
import type { Invocable } from "./functions/invocable.ts";

export interface Operated {
  readonly dir: string;
  readonly invocables: Readonly<Partial<Record<FunctionName, Invocable>>>;
  /** The functions' environment; what begins with LEPTA_ is told. */
  readonly variables: Variables;
  /** The manifest without the functions' names. */
  readonly deployment: Omit<Deployment, "functions">;
  readonly endpoints: { readonly dynamoDb: string; readonly kms: string; readonly s3: string };
}

export interface OperatorAccess {
  /** The environment in which the AWS SDK reaches this cloud. */
  readonly environment: Readonly<Record<string, string>>;
  /** Stops listening and removes the file. */
  close(): Promise<void>;
}

/** Serves what `lepta-admin` asks for, and writes the file. */
export async function openOperatorAccess(operated: Operated): Promise<OperatorAccess> {
  const { dir, invocables, deployment, endpoints } = operated;
  const { stage, region } = deployment;
  const names = (Object.keys(invocables) as FunctionName[]).map(
    (name) => [name, `lepta-${stage}-${name}`] as const,
  );
  const manifest: Deployment = { ...deployment, functions: Object.fromEntries(names) };
  const variables = Object.fromEntries(
    Object.entries(operated.variables).filter(
      (each): each is [string, string] => each[0].startsWith("LEPTA_") && each[1] !== undefined,
    ),
  );
  const services = await startDevelopmentServices({
    functions: new Map(
      names.map(([name, physical]): readonly [string, DevelopmentFunction] => {
        const { memoryMiB, timeoutSeconds } = functions[name];
        const invoke: Invocable = async (event) => invocables[name]?.(event);
        return [physical, { invoke, memoryMiB, timeoutSeconds, variables }];
      }),
    ),
    parameters: new Map([[deploymentParameter(stage), JSON.stringify(manifest)]]),
  });
  const environment = {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: "embedded",
    AWS_SECRET_ACCESS_KEY: "embedded",
    AWS_ENDPOINT_URL_SSM: services.url,
    AWS_ENDPOINT_URL_LAMBDA: services.url,
    AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamoDb,
    AWS_ENDPOINT_URL_KMS: endpoints.kms,
    AWS_ENDPOINT_URL_S3: endpoints.s3,
  };
  const file = join(dir, fileName.admin);
  writeFileSync(file, `${JSON.stringify({ version: 1, stage, environment }, null, 2)}\n`, { mode: 0o600 });
  return {
    environment,
    close: async () => {
      rmSync(file, { force: true });
      await services.close();
    },
  };
}
