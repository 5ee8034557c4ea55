/** The journal: every change of the table, in a bucket of its own, so that a restored backup can be brought up to date. */
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Key } from "aws-cdk-lib/aws-kms";
import {
  EventSourceMapping,
  type Function as LambdaFunction,
  StartingPosition,
} from "aws-cdk-lib/aws-lambda";
import { SqsDlq } from "aws-cdk-lib/aws-lambda-event-sources";
import { BlockPublicAccess, Bucket, BucketEncryption, StorageClass } from "aws-cdk-lib/aws-s3";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import type { BrokerTable } from "./table.ts";

/** A backup older than this cannot be brought up to date: longer than point-in-time recovery goes back. */
const KEPT = Duration.days(90);
const COOLS_AFTER = Duration.days(30);

/** The bucket: private, versioned, encrypted; nothing in it can be overwritten without a trace. */
export function createJournal(scope: Construct, encryptionKey: Key): Bucket {
  return new Bucket(scope, "Journal", {
    encryption: BucketEncryption.KMS,
    encryptionKey,
    bucketKeyEnabled: true,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    versioned: true,
    removalPolicy: RemovalPolicy.RETAIN,
    lifecycleRules: [
      {
        transitions: [{ storageClass: StorageClass.INFREQUENT_ACCESS, transitionAfter: COOLS_AFTER }],
        expiration: KEPT,
        noncurrentVersionExpiration: KEPT,
      },
    ],
  });
}

/** What the function that keeps the journal may do: read the stream, write objects. */
export const journalStatements = (
  tables: readonly BrokerTable[],
  journal: Bucket,
  encryptionKey: Key,
  region: string,
): readonly PolicyStatement[] => [
  new PolicyStatement({
    actions: ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
    resources: tables.map(({ tableStreamArn = "" }) => tableStreamArn),
  }),
  // AWS has no narrower resource for it.
  new PolicyStatement({ actions: ["dynamodb:ListStreams"], resources: ["*"] }),
  new PolicyStatement({ actions: ["s3:PutObject"], resources: [journal.arnForObjects("journal/*")] }),
  new PolicyStatement({
    actions: ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
    resources: [encryptionKey.keyArn],
    conditions: {
      StringEquals: {
        "kms:ViaService": ["dynamodb", "s3"].map((service) => `${service}.${region}.amazonaws.com`),
      },
    },
  }),
];

/** A minute of changes is one object; what cannot be written holds up the journal, and the alarm, for as long as the stream keeps it. */
const BATCH = { batchSize: 1000, maxBatchingWindow: Duration.minutes(1) };

/** Calls the function with what the table's stream brings. */
export function followStream(
  scope: Construct,
  id: string,
  { table, target, deadLetters }: { table: BrokerTable; target: LambdaFunction; deadLetters: Queue },
): EventSourceMapping {
  return new EventSourceMapping(scope, id, {
    target,
    eventSourceArn: table.tableStreamArn ?? "",
    startingPosition: StartingPosition.TRIM_HORIZON,
    ...BATCH,
    bisectBatchOnError: true,
    retryAttempts: -1,
    maxRecordAge: Duration.hours(24),
    onFailure: new SqsDlq(deadLetters),
  });
}
