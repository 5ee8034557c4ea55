/** The broker's table, made as the deployment's is (`tableDefinition`). */
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
import { type Item, type Key, standIn, systemRuntime, tableDefinition, unmarshal } from "@lepta/lambdas";

export interface TableItem {
  readonly key: Key;
  readonly item: Item;
}

/** Makes the table where there is none, and gives one that is there what it lacks. */
export async function ensureTable(endpoint: string, name: string): Promise<void> {
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

/** Everything in the table. */
export async function scanTable(endpoint: string, name: string): Promise<readonly TableItem[]> {
  const client = new DynamoDBClient(standIn(endpoint));
  const items: TableItem[] = [];
  for await (const page of paginateScan({ client }, { TableName: name, ConsistentRead: true }))
    items.push(...(page.Items ?? []).map(unmarshal));
  client.destroy();
  return items;
}
