/** The one table: on demand, encrypted, restorable to any second of 35 days, and kept when its stack goes. */
import { tableDefinition } from "@lepta/lambdas/resources";
import { RemovalPolicy } from "aws-cdk-lib";
import { AttributeType, BillingMode, StreamViewType, Table, TableEncryption } from "aws-cdk-lib/aws-dynamodb";
import type { Key } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";

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
