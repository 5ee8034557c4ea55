/** The one table: on demand, encrypted, restorable to any second of 35 days, and kept when its stack goes. */
import { tableDefinition } from "@lepta/lambdas/resources";
import { RemovalPolicy } from "aws-cdk-lib";
import {
  AttributeType,
  BillingMode,
  type ITable,
  StreamViewType,
  Table,
  TableEncryption,
} from "aws-cdk-lib/aws-dynamodb";
import type { Key } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";

/** A table of ours: made here, or restored from a backup. */
export type BrokerTable = Table | ITable;

/** A table that was restored from a backup into another name: CloudFormation did not make it, and leaves it alone. */
export const restoredTable = (
  scope: Construct,
  encryptionKey: Key,
  { name, streamArn }: { readonly name: string; readonly streamArn: string },
): ITable =>
  Table.fromTableAttributes(scope, "RestoredTable", {
    tableName: name,
    tableStreamArn: streamArn,
    encryptionKey,
  });

export function createTable(scope: Construct, encryptionKey: Key): Table {
  const { partitionKey, sortKey, timeToLive, stream } = tableDefinition;
  return new Table(scope, "Table", {
    partitionKey: { name: partitionKey, type: AttributeType.STRING },
    sortKey: { name: sortKey, type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    timeToLiveAttribute: timeToLive,
    stream: StreamViewType[stream],
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true, recoveryPeriodInDays: 35 },
    deletionProtection: true,
    encryption: TableEncryption.CUSTOMER_MANAGED,
    encryptionKey,
    removalPolicy: RemovalPolicy.RETAIN,
  });
}
