/** The table: that it stands as it was deployed, and cannot be lost by mistake. */
import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";
import type { Deployment } from "@lepta/lambdas/deployment";
import { tableDefinition } from "@lepta/lambdas/resources";
import { type Check, judge, notChecked, walked } from "./check.ts";
import type { Cloud } from "./cloud.ts";

const DEPLOY = "deploy this release again";

/** Looks at the table; its items are not read. */
export async function checkTable(cloud: Cloud, { table }: Deployment): Promise<readonly Check[]> {
  return [
    ...(await walked("table", () => checkDescription(cloud, table))),
    ...(await walked("table time to live", () => checkTimeToLive(cloud, table))),
    ...(await walked("table backups", () => checkBackups(cloud, table))),
  ];
}

async function checkDescription({ dynamoDb }: Cloud, TableName: string): Promise<readonly Check[]> {
  const { Table } = await dynamoDb.send(new DescribeTableCommand({ TableName }));
  const { TableStatus = "unknown", BillingModeSummary, StreamSpecification: stream } = Table ?? {};
  const mode = BillingModeSummary?.BillingMode ?? "PROVISIONED";
  const view = stream?.StreamEnabled === true ? (stream.StreamViewType ?? "none") : "none";
  return [
    judge(
      "table",
      TableStatus === "ACTIVE",
      `${TableName} is active`,
      `${TableName} is ${TableStatus}`,
      "wait until it is active; if it was archived, restore it",
    ),
    judge(
      "table billing",
      mode === "PAY_PER_REQUEST",
      "on demand",
      `${mode}: it throttles at a fixed rate`,
      DEPLOY,
    ),
    judge(
      "table deletion protection",
      Table?.DeletionProtectionEnabled === true,
      "on",
      "off: one mistaken command deletes all money",
      "turn it on (aws dynamodb update-table --deletion-protection-enabled)",
    ),
    judge(
      "table stream",
      view === tableDefinition.stream,
      view,
      `${view}, and not ${tableDefinition.stream}: the journal misses what is spent`,
      DEPLOY,
    ),
  ];
}

async function checkTimeToLive({ dynamoDb }: Cloud, TableName: string): Promise<readonly Check[]> {
  const { TimeToLiveDescription } = await dynamoDb.send(new DescribeTimeToLiveCommand({ TableName }));
  const { TimeToLiveStatus: status = "unknown", AttributeName: attribute = "none" } =
    TimeToLiveDescription ?? {};
  const isOn = status === "ENABLED" || status === "ENABLING";
  return [
    judge(
      "table time to live",
      isOn && attribute === tableDefinition.timeToLive,
      `on ${attribute}`,
      `${status} on ${attribute}, and not on ${tableDefinition.timeToLive}`,
      DEPLOY,
    ),
  ];
}

async function checkBackups({ dynamoDb }: Cloud, TableName: string): Promise<readonly Check[]> {
  const name = "table backups";
  try {
    const { ContinuousBackupsDescription } = await dynamoDb.send(
      new DescribeContinuousBackupsCommand({ TableName }),
    );
    const recovery = ContinuousBackupsDescription?.PointInTimeRecoveryDescription;
    const since = recovery?.EarliestRestorableDateTime?.toISOString() ?? "a moment ago";
    return [
      judge(
        name,
        recovery?.PointInTimeRecoveryStatus === "ENABLED",
        `any second since ${since} can be restored`,
        "point-in-time recovery is off",
        "turn it on (aws dynamodb update-continuous-backups), or deploy this release again",
      ),
    ];
  } catch (error) {
    if (error instanceof Error && error.name === "UnknownOperationException")
      return [notChecked(name, "the embedded engine has none")];
    throw error;
  }
}
