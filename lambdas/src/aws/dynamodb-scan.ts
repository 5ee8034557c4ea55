/** Reading at large on DynamoDB: one Scan for each page. */
import { type DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import type { Runtime } from "../ports/runtime.ts";
import type { Scan } from "../ports/scan.ts";
import { UnreadableItem } from "../ports/store.ts";
import { keyOf, type Marshalled, persist, unmarshal } from "./dynamodb-store.ts";

/** Strongly consistent. Throttles are tried again; `StoreBusy` where they do not end. */
export const dynamoDbScan = (client: DynamoDBClient, table: string, runtime: Runtime): Scan => ({
  page: async (after, limit) => {
    const scan = new ScanCommand({
      TableName: table,
      ConsistentRead: true,
      Limit: limit,
      ...(after === undefined ? {} : { ExclusiveStartKey: keyOf(after) }),
    });
    const { Items = [], LastEvaluatedKey } = await persist(runtime, () => client.send(scan));
    const items = Items.map(readable);
    if (LastEvaluatedKey === undefined) return { items };
    return { items, next: plainKey(LastEvaluatedKey) };
  },
});

/** One damaged item must not hide all others. */
function readable(raw: Marshalled) {
  try {
    return unmarshal(raw);
  } catch (error) {
    if (!(error instanceof UnreadableItem)) throw error;
    return { key: plainKey(raw), item: undefined };
  }
}

const plainKey = ({ pk, sk }: Marshalled) => ({ pk: pk?.S ?? "", sk: sk?.S ?? "" });
