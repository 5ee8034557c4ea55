/**
 * The embedded cloud: the broker's own functions behind an HTTP front, with DynamoDB, KMS and S3 stand-ins, all on loopback.
 * `AWS_ENDPOINT_URL_DYNAMODB`, `AWS_ENDPOINT_URL_KMS` and `AWS_ENDPOINT_URL_S3` take the place of the stand-ins where they
 * are set.
 */
import { join } from "node:path";
import {
  type Capability,
  type FunctionName,
  type HttpHandler,
  keyAlias,
  type Runtime,
  rotateKeys,
  rotationOf,
  schedules,
  systemRuntime,
  type Variables,
  variablesOf,
  type Wiring,
  wire,
} from "@lepta/lambdas";
import type { SuiteName } from "@lepta/protocol";
import { startClock, toItsEnd, told } from "./clock.ts";
import { checkTableFile, fileName, lockDirectory } from "./data-directory.ts";
import { startDevelopmentKms } from "./development-kms.ts";
import { startDevelopmentS3 } from "./development-s3.ts";
import { type Dynoxide, startDynoxide } from "./dynoxide.ts";
import { startBundles } from "./functions/bundles.ts";
import { functionsInProcess, type Watch } from "./functions/in-process.ts";
import type { Invocable } from "./functions/invocable.ts";
import { startHttpFront } from "./http-front.ts";
import { startJournalling } from "./journalling.ts";
import { ensureKeys, STAGE } from "./keys.ts";
import { openOperatorAccess } from "./operator-access.ts";
import { ensureTable, scanTable, type TableItem } from "./table.ts";

export interface EmbeddedCloudOptions {
  /** Where the table and the keys are kept. */
  readonly dir: string;
  /** 0, the default, takes a free port. */
  readonly port?: number;
  /** ISO 4217; EUR by default. */
  readonly currency?: string;
  readonly suite?: SuiteName;
  /** The table's name; another one serves a table that was restored beside the first. */
  readonly table?: string;
  /** Further variables of the functions' environment. */
  readonly variables?: Variables;
  readonly runtime?: Runtime;
  /** Sees each function's clients before they are used: for counting requests and checking rights. */
  readonly watch?: Watch;
  /** A cloud assembly: its bundles run, as they would be deployed, in place of the sources. */
  readonly bundles?: {
    readonly directory: string;
    /** Takes what the functions print, a line at a time. */
    readonly print: (name: FunctionName, line: string) => void;
  };
  /** Functions that an operator invokes in place of, or besides, those of the broker. */
  readonly invocables?: Readonly<Partial<Record<FunctionName, Invocable>>>;
}

export interface EmbeddedCloud {
  readonly url: string;
  /** Thumbprint of the root key. */
  readonly network: string;
  /** The URL with the pin: what a wallet or merchant is given. */
  readonly pinnedUrl: string;
  /** Ports on the same table and keys, for books and tests. */
  readonly wiring: Wiring;
  readonly handlers: Readonly<Record<Capability, HttpHandler>>;
  /** The functions' environment. */
  readonly variables: Variables;
  /** The environment in which the AWS SDK reaches this cloud; the data directory's `lepta-admin.json` tells it as well. */
  readonly environment: Readonly<Record<string, string>>;
  /** Everything in the table, for books and tests. */
  items(): Promise<readonly TableItem[]>;
  /** Runs the scheduled functions now. */
  runSchedules(): Promise<void>;
  /** Resolves once all that was written before this call is in the journal. */
  drainJournal(): Promise<void>;
  close(): Promise<void>;
}

const TABLE = "lepta";
const BUCKET = "lepta-journal";
const REGION = "us-east-1";

/** Starts everything; what was started is ended again where a later part fails. */
export async function startEmbeddedCloud(options: EmbeddedCloudOptions): Promise<EmbeddedCloud> {
  const { dir, port = 0, currency = "EUR", suite = "default", runtime = systemRuntime } = options;
  const { table = TABLE, watch, bundles } = options;
  const unlock = lockDirectory(dir);
  const closers: (() => Promise<void>)[] = [async () => unlock()];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const endpoints = await startServices(dir, closers);
    await ensureTable(endpoints.dynamoDb, table);
    const places = { table, rootKey: keyAlias(STAGE, "root"), wrappingKey: keyAlias(STAGE, "wrapping") };
    const variables = {
      ...variablesOf({ ...places, journal: BUCKET, currency, suite }),
      ...options.variables,
      AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamoDb,
      AWS_ENDPOINT_URL_KMS: endpoints.kms,
      AWS_ENDPOINT_URL_S3: endpoints.s3,
    };
    // It is nobody's function, and measures nothing.
    const wiring = await wire({ ...variables, POWERTOOLS_METRICS_NAMESPACE: undefined }, runtime);
    await ensureKeys(endpoints.kms, wiring, dir);
    const { network } = await rotateKeys(rotationOf(wiring));
    const functions =
      bundles === undefined
        ? await functionsInProcess(variables, runtime, watch)
        : startBundles(bundles.directory, variables, bundles.print);
    closers.push(functions.close);
    const { invocables } = functions;
    const journalling = startJournalling({
      endpoint: endpoints.dynamoDb,
      table,
      file: join(dir, fileName.position),
      deliver: invocables.journal,
    });
    closers.push(journalling.close);
    closers.push(startClock(invocables));
    // What a process that was killed left under way is ended now and not at the schedule's first turn.
    await invocables.finish({}).catch(told("finish"));
    const handlers = invocables as unknown as Readonly<Record<Capability, HttpHandler>>;
    const front = await startHttpFront(handlers, port);
    closers.push(front.close);
    const access = await openOperatorAccess({
      dir,
      invocables: { ...invocables, ...options.invocables },
      variables,
      deployment: {
        version: 1,
        stage: STAGE,
        region: REGION,
        url: front.url,
        ...places,
        journalBucket: BUCKET,
      },
      endpoints,
    });
    closers.push(access.close);
    return {
      url: front.url,
      network,
      pinnedUrl: `${front.url}#${network}`,
      wiring,
      handlers,
      variables,
      environment: access.environment,
      items: () => scanTable(endpoints.dynamoDb, table),
      runSchedules: async () => {
        for (const { capability } of schedules) await toItsEnd(invocables[capability]);
      },
      drainJournal: journalling.drain,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What stands in for AWS's own services, or takes its place. */
async function startServices(dir: string, closers: (() => Promise<void>)[]) {
  // All are waited for, whatever becomes of the others: what has started must be known to be ended again.
  const starting = await Promise.allSettled([
    process.env.AWS_ENDPOINT_URL_DYNAMODB ?? started(closers, startTable(join(dir, fileName.table))),
    process.env.AWS_ENDPOINT_URL_KMS ??
      started(closers, startDevelopmentKms({ file: join(dir, fileName.keys) })),
    process.env.AWS_ENDPOINT_URL_S3 ??
      started(closers, startDevelopmentS3({ dir: join(dir, fileName.objects) })),
  ]);
  const [dynamoDb, kms, s3] = starting.map((each) => {
    if (each.status === "rejected") throw each.reason;
    return each.value;
  }) as [string, string, string];
  return { dynamoDb, kms, s3 };
}

async function startTable(file: string): Promise<Dynoxide> {
  checkTableFile(file);
  return startDynoxide({ file });
}

async function started(
  closers: (() => Promise<void>)[],
  starting: Promise<{ readonly url: string; close(): Promise<void> }>,
): Promise<string> {
  const service = await starting;
  closers.push(() => service.close());
  return service.url;
}
