/** A backup of an embedded cloud's table, as a restore to this point in time would give it: a table of another name. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { standIn, systemRuntime } from "@lepta/lambdas";
import { dynamoDbStore } from "@lepta/lambdas/aws/dynamodb-store";
import type { EmbeddedCloud } from "@lepta/local";
import { createTable } from "./dynoxide-table.ts";

export async function backUp(cloud: EmbeddedCloud, name: string): Promise<void> {
  const client = new DynamoDBClient(standIn(cloud.wiring.environment.dynamoDbEndpoint ?? ""));
  await createTable(client, name);
  const store = dynamoDbStore(client, name, systemRuntime);
  for (const { key, item } of await cloud.items())
    await store.commit([{ put: item, at: key, expect: "absent" }]);
  client.destroy();
}
