/** What each function's role may do, as IAM statements: made of the table of functions and of nothing else. */
import type { FunctionDefinition, TableRights } from "@lepta/lambdas/functions";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";

/** On the table: exact actions on items of named partitions. `scan` is the one right over all of it, and is to read. */
export function tableStatements(rights: TableRights, tableArn: string): readonly PolicyStatement[] {
  const actions = [
    ["dynamodb:GetItem", rights.get],
    ["dynamodb:Query", rights.query],
    ["dynamodb:PutItem", rights.put],
    ["dynamodb:DeleteItem", rights.delete],
  ] as const;
  const items = actions.flatMap(([action, partitions]) =>
    partitions === undefined
      ? []
      : [
          new PolicyStatement({
            actions: [action],
            resources: [tableArn],
            conditions: {
              "ForAllValues:StringLike": { "dynamodb:LeadingKeys": [...partitions] },
              // A request without leading keys would have none that is not in the list.
              Null: { "dynamodb:LeadingKeys": "false" },
            },
          }),
        ],
  );
  const scan = new PolicyStatement({ actions: ["dynamodb:Scan"], resources: [tableArn] });
  return rights.scan === true ? [...items, scan] : items;
}

/** On the root key: a signature of one algorithm over a message that KMS itself hashes. */
export const rootStatements = (
  { certifies }: FunctionDefinition,
  keyArn: string,
): readonly PolicyStatement[] =>
  certifies === true
    ? [
        new PolicyStatement({ actions: ["kms:GetPublicKey"], resources: [keyArn] }),
        new PolicyStatement({
          actions: ["kms:Sign"],
          resources: [keyArn],
          conditions: {
            StringEquals: { "kms:SigningAlgorithm": "ECDSA_SHA_256", "kms:MessageType": "RAW" },
          },
        }),
      ]
    : [];

/** On the wrapping key: the data keys of the function's own purposes, under their encryption context. */
export const wrappingStatements = (
  { unwraps, certifies }: FunctionDefinition,
  keyArn: string,
): readonly PolicyStatement[] =>
  unwraps === undefined
    ? []
    : [
        new PolicyStatement({
          actions: certifies === true ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"],
          resources: [keyArn],
          conditions: {
            StringEquals: { "kms:EncryptionContext:lepta:purpose": [...unwraps] },
            "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": ["lepta:network", "lepta:purpose"] },
          },
        }),
      ];

/** On the key that the table is encrypted with: only on the way through DynamoDB. */
export function storageStatements(
  rights: TableRights,
  keyArn: string,
  region: string,
): readonly PolicyStatement[] {
  const reads = rights.get !== undefined || rights.query !== undefined || rights.scan === true;
  const writes = rights.put !== undefined || rights.delete !== undefined;
  if (!reads && !writes) return [];
  return [
    new PolicyStatement({
      actions: ["kms:Decrypt", "kms:DescribeKey", ...(writes ? ["kms:Encrypt", "kms:GenerateDataKey"] : [])],
      resources: [keyArn],
      conditions: { StringEquals: { "kms:ViaService": `dynamodb.${region}.amazonaws.com` } },
    }),
  ];
}
