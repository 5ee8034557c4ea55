/**
 * The embedded cloud: the broker's own handlers behind an HTTP front, with DynamoDB and KMS stand-ins, all on loopback.
 * `AWS_ENDPOINT_URL_DYNAMODB` and `AWS_ENDPOINT_URL_KMS` take the place of the stand-ins where they are set.
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
  systemRuntime,
  tableDefinition,
  unmarshal,
  type Variables,
  variable,
  type Wiring,
  wire,
} from "@lepta/lambdas";
import { readKeyTable } from "@lepta/lambdas/custody/key-items";
import { encodeP256, type SuiteName, thumbprint } from "@lepta/protocol";
import { checkTableFile, fileName, lockDirectory } from "./data-directory.ts";
import { startDevelopmentKms } from "./development-kms.ts";
import { type Dynoxide, startDynoxide } from "./dynoxide.ts";
import { startHttpFront } from "./http-front.ts";
import { type Invocable, openOperatorAccess } from "./operator-access.ts";

export interface EmbeddedCloudOptions {
  /** Where the table and the keys are kept. */
  readonly dir: string;
  /** 0, the default, takes a free port. */
  readonly port?: number;
  /** ISO 4217; EUR by default. */
  readonly currency?: string;
  readonly suite?: SuiteName;
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
  close(): Promise<void>;
}

export interface TableItem {
  readonly key: Key;
  readonly item: Item;
}

const TABLE = "lepta";
const STAGE = "embedded";
const REGION = "us-east-1";

/** Starts everything; what was started is ended again where a later part fails. */
export async function startEmbeddedCloud(options: EmbeddedCloudOptions): Promise<EmbeddedCloud> {
  const { dir, port = 0, currency = "EUR", suite = "default", runtime = systemRuntime, watch } = options;
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
    ]);
    const [dynamoDbUrl, kmsUrl] = starting.map((each) => {
      if (each.status === "rejected") throw each.reason;
      return each.value;
    }) as [string, string];
    await ensureTable(dynamoDbUrl);
    const variables = {
      [variable.table]: TABLE,
      [variable.rootKey]: keyAlias(STAGE, "root"),
      [variable.wrappingKey]: keyAlias(STAGE, "wrapping"),
      [variable.currency]: currency,
      [variable.suite]: suite,
      ...options.variables,
      AWS_ENDPOINT_URL_DYNAMODB: dynamoDbUrl,
      AWS_ENDPOINT_URL_KMS: kmsUrl,
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
      items: () => scanTable(dynamoDbUrl),
      runSchedules: async () => {
        for (const run of Object.values(scheduled)) await run({});
      },
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
        run?.({}).catch(told(capability));
      },
      everyMinutes * 60 * 1000,
    );
    return timer.unref();
  });
  return async () => {
    for (const timer of timers) clearInterval(timer);
  };
}

const told =
  (capability: string) =>
  (error: unknown): void => {
    const minutes = schedules.find((each) => each.capability === capability)?.everyMinutes;
    const name = error instanceof Error ? error.name : "failed";
    process.stderr.write(`${capability}: ${name}, next try in ${minutes} min\n`);
  };

async function ensureTable(endpoint: string): Promise<void> {
  const client = new DynamoDBClient(standIn(endpoint));
  const { partitionKey, sortKey, timeToLive, stream } = tableDefinition;
  try {
    await client.send(
      new CreateTableCommand({
        TableName: TABLE,
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
    const { Table } = await client.send(new DescribeTableCommand({ TableName: TABLE }));
    if (Table?.TableStatus === "ACTIVE") break;
    await systemRuntime.sleep(10);
  }
  await protectTable(client);
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: TABLE }));
  if (TimeToLiveDescription?.TimeToLiveStatus !== "ENABLED")
    await client.send(
      new UpdateTimeToLiveCommand({
        TableName: TABLE,
        TimeToLiveSpecification: { AttributeName: timeToLive, Enabled: true },
      }),
    );
  client.destroy();
}

/** Also a table of an earlier release: what the deployment's is, this one is. */
async function protectTable(client: DynamoDBClient): Promise<void> {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: TABLE }));
  if (Table?.DeletionProtectionEnabled !== true)
    await client.send(new UpdateTableCommand({ TableName: TABLE, DeletionProtectionEnabled: true }));
}

async function scanTable(endpoint: string): Promise<readonly TableItem[]> {
  const client = new DynamoDBClient(standIn(endpoint));
  const items: TableItem[] = [];
  for await (const page of paginateScan({ client }, { TableName: TABLE, ConsistentRead: true }))
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
