/** KMS: the root that certifies, the key that wraps, and the key that the table and the journal are encrypted with. */

import { type FunctionDefinition, type FunctionName, functions } from "@lepta/lambdas/functions";
import { keyAlias, keyDefinitions } from "@lepta/lambdas/resources";
import { Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import { AccountRootPrincipal, ArnPrincipal, PolicyDocument, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Key, KeySpec, KeyUsage } from "aws-cdk-lib/aws-kms";
import { Construct } from "constructs";
import { rootStatements, wrappingStatements } from "./rights.ts";
import type { Roles } from "./roles.ts";

export class BrokerKeys extends Construct {
  /** Signs certificates of operational keys; only `rotate` may ask it to. */
  readonly root: Key;
  /** Wraps one data key for each purpose. */
  readonly wrapping: Key;
  /** Encrypts what is at rest: the table and the journal. */
  readonly storage: Key;

  constructor(scope: Construct, id: string, { stage, roles }: { stage: string; roles: Roles }) {
    super(scope, id);
    const { root, wrapping } = keyDefinitions;
    this.root = new Key(this, "Root", {
      description: `Lepta ${stage}: root. Losing it ends this broker's network.`,
      alias: keyAlias(stage, "root"),
      keySpec: KEY_SPEC[root.spec],
      keyUsage: KEY_USAGE[root.usage],
      policy: new PolicyDocument({ statements: [administration(), ...usedBy(roles, rootStatements)] }),
      ...KEPT,
    });
    this.wrapping = new Key(this, "Wrapping", {
      description: `Lepta ${stage}: wraps the data keys of the broker's functions.`,
      alias: keyAlias(stage, "wrapping"),
      keySpec: KEY_SPEC[wrapping.spec],
      keyUsage: KEY_USAGE[wrapping.usage],
      enableKeyRotation: wrapping.rotates,
      policy: new PolicyDocument({ statements: [administration(), ...usedBy(roles, wrappingStatements)] }),
      ...KEPT,
    });
    this.storage = new Key(this, "Storage", {
      description: `Lepta ${stage}: encrypts the table and the journal at rest.`,
      enableKeyRotation: true,
      policy: new PolicyDocument({ statements: [administration(), storing(Stack.of(this).region)] }),
      ...KEPT,
    });
  }
}

const KEY_SPEC = { ECC_NIST_P256: KeySpec.ECC_NIST_P256, SYMMETRIC_DEFAULT: KeySpec.SYMMETRIC_DEFAULT };
const KEY_USAGE = { SIGN_VERIFY: KeyUsage.SIGN_VERIFY, ENCRYPT_DECRYPT: KeyUsage.ENCRYPT_DECRYPT };

/** A key outlives its stack, and a deletion that somebody asks for can be taken back for as long as KMS allows. */
const KEPT = { removalPolicy: RemovalPolicy.RETAIN, pendingWindow: Duration.days(30) };

/** In a key's policy `*` means this key. */
const THIS_KEY = "*";

/**
 * The account's administrators may manage the key, and may not use it: who wants to sign or unwrap must first change this
 * policy, which CloudTrail shows. CDK's own policy would allow `kms:*`.
 */
const administration = (): PolicyStatement =>
  new PolicyStatement({
    sid: "Administration",
    principals: [new AccountRootPrincipal()],
    actions: [
      "kms:CancelKeyDeletion",
      "kms:CreateAlias",
      "kms:DeleteAlias",
      "kms:DescribeKey",
      "kms:DisableKey",
      "kms:DisableKeyRotation",
      "kms:EnableKey",
      "kms:EnableKeyRotation",
      "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus",
      "kms:GetPublicKey",
      "kms:ListGrants",
      "kms:ListKeyPolicies",
      "kms:ListKeyRotations",
      "kms:ListResourceTags",
      "kms:PutKeyPolicy",
      "kms:RevokeGrant",
      "kms:RotateKeyOnDemand",
      "kms:ScheduleKeyDeletion",
      "kms:TagResource",
      "kms:UntagResource",
      "kms:UpdateAlias",
      "kms:UpdateKeyDescription",
    ],
    resources: [THIS_KEY],
  });

/** A function's rights on a key, said again in the key's own policy: the account alone cannot hand them out. */
const usedBy = (
  roles: Roles,
  rightsOf: (definition: FunctionDefinition, keyArn: string) => readonly PolicyStatement[],
): readonly PolicyStatement[] =>
  (Object.entries(functions) as [FunctionName, FunctionDefinition][]).flatMap(([name, definition]) =>
    rightsOf(definition, THIS_KEY).map((statement) =>
      statement.copy({ principals: [new ArnPrincipal(roles[name].roleArn)] }),
    ),
  );

/** Whoever may use the account's tables, bucket and queues needs the key on the way, and only there. */
const storing = (region: string): PolicyStatement =>
  new PolicyStatement({
    sid: "ThroughStorage",
    principals: [new AccountRootPrincipal()],
    actions: [
      "kms:CreateGrant",
      "kms:Decrypt",
      "kms:DescribeKey",
      "kms:Encrypt",
      "kms:GenerateDataKey",
      "kms:GenerateDataKeyWithoutPlaintext",
      "kms:ReEncryptFrom",
      "kms:ReEncryptTo",
    ],
    resources: [THIS_KEY],
    conditions: {
      StringEquals: {
        "kms:ViaService": ["dynamodb", "s3"].map((service) => `${service}.${region}.amazonaws.com`),
      },
    },
  });
