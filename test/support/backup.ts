/** A backup of an embedded cloud's table, as a restore to this point in time would give it: a table of another name. */
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { standIn, systemRuntime } from "@lepta/lambdas";
import { dynamoDbStore } from "@lepta/lambdas/aws/dynamodb-store";
import type { EmbeddedCloud } from "@lepta/local";

export async function backUp(cloud: EmbeddedCloud, name: string): Promise<void> {
  const client = new DynamoDBClient(standIn(cloud.wiring.environment.dynamoDbEndpoint ?? ""));
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
  const store = dynamoDbStore(client, name, systemRuntime);
  for (const { key, item } of await cloud.items())
    await store.commit([{ put: item, at: key, expect: "absent" }]);
  client.destroy();
}
