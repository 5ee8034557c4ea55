/** A DynamoDB table on Dynoxide, in memory unless a file is named, behind the adapter that the broker uses. */
import {
  CreateTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  paginateScan,
} from "@aws-sdk/client-dynamodb";
import { type Item, type Key, type Runtime, type Store, unmarshal } from "@lepta/lambdas";
import { dynamoDbScan } from "@lepta/lambdas/aws/dynamodb-scan";
import { dynamoDbStore } from "@lepta/lambdas/aws/dynamodb-store";
import type { Scan } from "@lepta/lambdas/ports/scan";
import { startDynoxide } from "@lepta/local/dynoxide";

export interface StoredItem {
  readonly key: Key;
  readonly item: Item;
}

export interface DynoxideTable {
  /** The engine's. */
  readonly url: string;
  readonly client: DynamoDBClient;
  readonly store: Store;
  readonly scan: Scan;
  /** All items of the table, in the order of their keys. */
  items(): Promise<readonly StoredItem[]>;
  close(): Promise<void>;
}

export const TABLE_NAME = "lepta-test";

export interface DynoxideOptions {
  /** What a test sets of the SDK's client: another way to the engine, another strategy of retrying. */
  readonly client?: DynamoDBClientConfig;
  /** Told of the client before the broker uses it: to put a middleware of the test's into its stack. */
  readonly onClient?: (client: DynamoDBClient) => void;
}

/** Starts an engine of its own with one empty table. */
export async function dynoxideTable(
  runtime: Runtime,
  { client: configuration = {}, onClient = () => {} }: DynoxideOptions = {},
): Promise<DynoxideTable> {
  const engine = await startDynoxide({});
  const client = new DynamoDBClient({
    ...configuration,
    endpoint: engine.url,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
  await createTable(client, TABLE_NAME);
  onClient(client);
  const store = dynamoDbStore(client, TABLE_NAME, runtime);
  return {
    url: engine.url,
    client,
    store,
    scan: dynamoDbScan(client, TABLE_NAME, runtime),
    items: () => everyItem(client),
    close: async () => {
      client.destroy();
      await engine.close();
    },
  };
}

async function everyItem(client: DynamoDBClient): Promise<readonly StoredItem[]> {
  const found: StoredItem[] = [];
  for await (const page of paginateScan({ client }, { TableName: TABLE_NAME, ConsistentRead: true }))
    found.push(...(page.Items ?? []).map(unmarshal));
  const nameOf = ({ key }: StoredItem): string => JSON.stringify([key.pk, key.sk]);
  return found.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** Every item of one partition, page after page. */
export async function wholePartition(store: Store, pk: string, limit = 100): Promise<readonly StoredItem[]> {
  const found: StoredItem[] = [];
  let after: string | undefined;
  do {
    const page = await store.list(pk, { limit, ...(after === undefined ? {} : { after }) });
    found.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return found;
}

/** A table as the broker's is, without what only its deployment has. */
export async function createTable(client: DynamoDBClient, name: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      AttributeDefinitions: [
        { AttributeName: "pk", AttributeType: "S" },
        { AttributeName: "sk", AttributeType: "S" },
      ],
    }),
  );
}
