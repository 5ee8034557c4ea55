/**
 * The embedded cloud: the broker's own handlers behind an HTTP front, with DynamoDB, KMS and S3 stand-ins, all on loopback.
 * `AWS_ENDPOINT_URL_DYNAMODB`, `AWS_ENDPOINT_URL_KMS` and `AWS_ENDPOINT_URL_S3` take the place of the stand-ins where they
 * are set.
 */
import { join, resolve } from "node:path";
import {
  CreateTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  paginateScan,
  ResourceInUseException,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  KMSClient,
  NotFoundException,
} from "@aws-sdk/client-kms";
import {
  type Capability,
  type Clients,
  createHandlers,
  type FunctionName,
  functions,
  type HttpHandler,
  type Item,
  type Key,
  keyAlias,
  keyDefinitions,
  operatedFunctions,
  type Runtime,
  rotateKeys,
  rotationOf,
  scheduledFunctions,
  schedules,
  standIn,
  streamFunctions,
  systemRuntime,
  tableDefinition,
  unmarshal,
  type Variables,
  variablesOf,
  type Wiring,
  wire,
} from "@lepta/lambdas";
import { readKeyTable } from "@lepta/lambdas/custody/key-items";
import { encodeP256, type SuiteName, thumbprint } from "@lepta/protocol";
import { checkTableFile, fileName, lockDirectory } from "./data-directory.ts";
import { startDevelopmentKms } from "./development-kms.ts";
import { startDevelopmentS3 } from "./development-s3.ts";
import { type Dynoxide, startDynoxide } from "./dynoxide.ts";
import { startHttpFront } from "./http-front.ts";
import { type Invocable, openOperatorAccess } from "./operator-access.ts";
import { streamPoller } from "./stream-poller.ts";

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
  readonly watch?: (name: FunctionName, clients: Clients) => void;
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

export interface TableItem {
  readonly key: Key;
  readonly item: Item;
}

const TABLE = "lepta";
const BUCKET = "lepta-journal";
const STAGE = "embedded";
/** Milliseconds between two looks at the table's stream. */
const POLL_EVERY = 1000;
const REGION = "us-east-1";

/** Starts everything; what was started is ended again where a later part fails. */
export async function startEmbeddedCloud(options: EmbeddedCloudOptions): Promise<EmbeddedCloud> {
  const { dir, port = 0, currency = "EUR", suite = "default", runtime = systemRuntime, watch } = options;
  const { table = TABLE } = options;
  const unlock = lockDirectory(dir);
  const closers: (() => Promise<void>)[] = [async () => unlock()];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    // Both are waited for, whatever becomes of the other: what has started must be known to be ended again.
    const starting = await Promise.allSettled([
      process.env.AWS_ENDPOINT_URL_DYNAMODB ?? started(closers, startTable(join(dir, fileName.table))),
      process.env.AWS_ENDPOINT_URL_KMS ??
        started(closers, startDevelopmentKms({ file: join(dir, fileName.keys) })),
      process.env.AWS_ENDPOINT_URL_S3 ??
        started(closers, startDevelopmentS3({ dir: join(dir, fileName.objects) })),
    ]);
    const [dynamoDbUrl, kmsUrl, s3Url] = starting.map((each) => {
      if (each.status === "rejected") throw each.reason;
      return each.value;
    }) as [string, string, string];
    await ensureTable(dynamoDbUrl, table);
    const variables = {
      ...variablesOf({
        table,
        rootKey: keyAlias(STAGE, "root"),
        wrappingKey: keyAlias(STAGE, "wrapping"),
        journal: BUCKET,
        currency,
        suite,
      }),
      ...options.variables,
      AWS_ENDPOINT_URL_DYNAMODB: dynamoDbUrl,
      AWS_ENDPOINT_URL_KMS: kmsUrl,
      AWS_ENDPOINT_URL_S3: s3Url,
    };
    const wiring = await wire(variables, runtime);
    await ensureKeys(kmsUrl, wiring, dir);
    const { network } = await rotateKeys(rotationOf(wiring));
    // As when deployed, each function has clients and keys of its own.
    const wirings = await wireEach(variables, runtime, watch);
    const handlers = createHandlers((capability) => wirings[capability]);
    const scheduled = Object.fromEntries(
      schedules.map(
        ({ capability }) => [capability, scheduledFunctions[capability](wirings[capability])] as const,
      ),
    );
    const journalling = startJournalling(wirings.journal, join(dir, fileName.position));
    closers.push(journalling.close);
    closers.push(startSchedules(scheduled));
    // What a process that was killed left under way is ended now and not at the schedule's first turn.
    await scheduled.finish?.({}).catch(told("finish"));
    const front = await startHttpFront(handlers, port);
    closers.push(front.close);
    const access = await openOperatorAccess({
      dir,
      invocables: {
        ...(handlers as unknown as Readonly<Record<Capability, Invocable>>),
        ...scheduled,
        operate: operatedFunctions.operate(wirings.operate),
        ...options.invocables,
      },
      variables,
      deployment: {
        version: 1,
        stage: STAGE,
        region: REGION,
        url: front.url,
        rootKey: keyAlias(STAGE, "root"),
        wrappingKey: keyAlias(STAGE, "wrapping"),
        table: TABLE,
      },
      endpoints: { dynamoDb: dynamoDbUrl, kms: kmsUrl },
    });
    closers.push(access.close);
    return {
      url: front.url,
      network,
      pinnedUrl: `${front.url}#${network}`,
      wiring,
      handlers,
      environment: access.environment,
      items: () => scanTable(dynamoDbUrl, table),
      runSchedules: async () => {
        for (const run of Object.values(scheduled)) await toItsEnd(run);
      },
      drainJournal: journalling.drain,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function wireEach(
  variables: Variables,
  runtime: Runtime,
  watch: EmbeddedCloudOptions["watch"],
): Promise<Readonly<Record<FunctionName, Wiring>>> {
  const names = Object.keys(functions) as FunctionName[];
  const wirings = names.map(
    async (name) => [name, await wire(variables, runtime, (clients) => watch?.(name, clients))] as const,
  );
  return Object.fromEntries(await Promise.all(wirings)) as Record<FunctionName, Wiring>;
}

/** The table's stream goes to the function `journal`, now and then and a last time at the end. */
function startJournalling(wiring: Wiring, file: string) {
  const { table, dynamoDbEndpoint = "" } = wiring.environment;
  const clients = {
    dynamoDb: new DynamoDBClient(standIn(dynamoDbEndpoint)),
    streams: new DynamoDBStreamsClient(standIn(dynamoDbEndpoint)),
  };
  const { drain } = streamPoller({ ...clients, table, file, deliver: streamFunctions.journal(wiring) });
  // What was not handed over stays in the stream, also over a restart.
  const tell = (error: unknown): void => {
    const name = error instanceof Error ? error.name : "failed";
    process.stderr.write(`journal: ${name}, the same records are tried again\n`);
  };
  const timer = setInterval(() => void drain().catch(tell), POLL_EVERY).unref();
  return {
    drain,
    close: async (): Promise<void> => {
      clearInterval(timer);
      await drain().catch(tell);
      clients.dynamoDb.destroy();
      clients.streams.destroy();
    },
  };
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

/** The clock's part: a run that fails is told and tried again at its next turn. */
function startSchedules(
  scheduled: Readonly<Record<string, (event: unknown) => Promise<unknown>>>,
): () => Promise<void> {
  const timers = schedules.map(({ capability, everyMinutes }) => {
    const run = scheduled[capability];
    const timer = setInterval(
      () => {
        if (run) toItsEnd(run).catch(told(capability));
      },
      everyMinutes * 60 * 1000,
    );
    return timer.unref();
  });
  return async () => {
    for (const timer of timers) clearInterval(timer);
  };
}

/** The most calls of one turn: as the state machine that calls it when deployed, the clock does not go on for ever. */
const CALLS = 1_000;

/** Calls a function again with what it answered for as long as it says that it is not done. */
async function toItsEnd(run: (event: unknown) => Promise<unknown>): Promise<void> {
  let event: unknown = {};
  for (let call = 0; call < CALLS; call += 1) {
    event = await run(event);
    if ((event as { readonly done?: unknown }).done !== false) return;
  }
  throw new Error("a scheduled function came to no end");
}

const told =
  (capability: string) =>
  (error: unknown): void => {
    const minutes = schedules.find((each) => each.capability === capability)?.everyMinutes;
    const name = error instanceof Error ? error.name : "failed";
    process.stderr.write(`${capability}: ${name}, next try in ${minutes} min\n`);
  };

async function ensureTable(endpoint: string, name: string): Promise<void> {
  const client = new DynamoDBClient(standIn(endpoint));
  const { partitionKey, sortKey, timeToLive, stream } = tableDefinition;
  try {
    await client.send(
      new CreateTableCommand({
        TableName: name,
        BillingMode: "PAY_PER_REQUEST",
        KeySchema: [
          { AttributeName: partitionKey, KeyType: "HASH" },
          { AttributeName: sortKey, KeyType: "RANGE" },
        ],
        AttributeDefinitions: [
          { AttributeName: partitionKey, AttributeType: "S" },
          { AttributeName: sortKey, AttributeType: "S" },
        ],
        StreamSpecification: { StreamEnabled: true, StreamViewType: stream },
      }),
    );
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
    if (Table?.TableStatus === "ACTIVE") {
      if (Table.StreamSpecification?.StreamEnabled === true) break;
      // A table from before there was a journal, or a restored one: a backup keeps no stream.
      await client.send(
        new UpdateTableCommand({
          TableName: name,
          StreamSpecification: { StreamEnabled: true, StreamViewType: stream },
        }),
      );
    }
    await systemRuntime.sleep(10);
  }
  await protectTable(client, name);
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: name }));
  if (TimeToLiveDescription?.TimeToLiveStatus !== "ENABLED")
    await client.send(
      new UpdateTimeToLiveCommand({
        TableName: name,
        TimeToLiveSpecification: { AttributeName: timeToLive, Enabled: true },
      }),
    );
  client.destroy();
}

/** Also a table of an earlier release: what the deployment's is, this one is. */
async function protectTable(client: DynamoDBClient, name: string): Promise<void> {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
  if (Table?.DeletionProtectionEnabled !== true)
    await client.send(new UpdateTableCommand({ TableName: name, DeletionProtectionEnabled: true }));
}

async function scanTable(endpoint: string, name: string): Promise<readonly TableItem[]> {
  const client = new DynamoDBClient(standIn(endpoint));
  const items: TableItem[] = [];
  for await (const page of paginateScan({ client }, { TableName: name, ConsistentRead: true }))
    items.push(...(page.Items ?? []).map(unmarshal));
  client.destroy();
  return items;
}

/** Makes the keys of a new table. The keys of a table that has some must be there: others would make its money worthless. */
async function ensureKeys(endpoint: string, { store, keyService }: Wiring, dir: string): Promise<void> {
  const { rootKey } = await readKeyTable(store);
  const client = new KMSClient(standIn(endpoint));
  try {
    const isComplete = (await hasKey(client, "root")) && (await hasKey(client, "wrapping"));
    if (rootKey !== undefined && !isComplete) throw otherRoot(dir, rootKey, "which is missing");
    await ensureKey(client, "root");
    await ensureKey(client, "wrapping");
  } finally {
    client.destroy();
  }
  if (rootKey === undefined) return;
  const { x, y } = await keyService.root.publicKey();
  const found = thumbprint(encodeP256(x, y));
  if (found !== thumbprint(rootKey)) throw otherRoot(dir, rootKey, `which now holds ${found}`);
}

const otherRoot = (dir: string, rootKey: Uint8Array, instead: string): Error =>
  new Error(
    `The table in ${resolve(dir)} belongs to another root key: ${thumbprint(rootKey)}. It needs the key file ` +
      `${fileName.keys} that it was made with, ${instead}. Nothing was changed. Put that file back from a copy, or ` +
      "start with an empty directory (--data): the money in this table is then gone.",
  );

type KeyName = keyof typeof keyDefinitions;

async function hasKey(client: KMSClient, key: KeyName): Promise<boolean> {
  try {
    await client.send(new DescribeKeyCommand({ KeyId: keyAlias(STAGE, key) }));
    return true;
  } catch (error) {
    if (error instanceof NotFoundException) return false;
    throw error;
  }
}

async function ensureKey(client: KMSClient, key: KeyName): Promise<void> {
  if (await hasKey(client, key)) return;
  const { spec, usage } = keyDefinitions[key];
  const { KeyMetadata } = await client.send(new CreateKeyCommand({ KeySpec: spec, KeyUsage: usage }));
  await client.send(
    new CreateAliasCommand({ AliasName: keyAlias(STAGE, key), TargetKeyId: KeyMetadata?.KeyId }),
  );
}
