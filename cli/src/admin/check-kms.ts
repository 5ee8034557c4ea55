/** The two KMS keys: the root that signs and the key that wraps. */
import { DescribeKeyCommand, GetKeyRotationStatusCommand } from "@aws-sdk/client-kms";
import { kmsKeyService } from "@lepta/lambdas/aws/kms-key-service";
import type { Deployment } from "@lepta/lambdas/deployment";
import { keyDefinitions } from "@lepta/lambdas/resources";
import { encodeP256, thumbprint } from "@lepta/protocol";
import { type Check, judge, notChecked, ok, walked, wrong } from "./check.ts";
import type { Cloud } from "./cloud.ts";

const ENABLE = "enable it in the KMS console (aws kms enable-key), and cancel its deletion if one is pending";

/** Looks at both keys; `seenRoot` is the thumbprint that GET /keys shows. */
export async function checkKms(
  cloud: Cloud,
  deployment: Deployment,
  seenRoot: string | undefined,
): Promise<readonly Check[]> {
  const { rootKey, wrappingKey } = deployment;
  return [
    ...(await walked("root key", () => checkKey(cloud, "root", rootKey))),
    ...(await walked("root key agrees", () => checkRoot(cloud, deployment, seenRoot))),
    ...(await walked("wrapping key", () => checkKey(cloud, "wrapping", wrappingKey))),
    ...(await walked("wrapping key rotation", () => checkRotation(cloud, wrappingKey))),
  ];
}

async function checkKey(
  { kms }: Cloud,
  role: keyof typeof keyDefinitions,
  KeyId: string,
): Promise<readonly Check[]> {
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId }));
  const { spec, usage } = keyDefinitions[role];
  const { KeyState = "unknown", KeySpec = "unknown", KeyUsage = "unknown" } = KeyMetadata ?? {};
  const name = `${role} key`;
  if (KeyState !== "Enabled") return [wrong(name, `${KeyId} is ${KeyState}`, ENABLE)];
  return [
    judge(
      name,
      KeySpec === spec && KeyUsage === usage,
      `${KeyId} is enabled, ${spec}, ${usage}`,
      `${KeyId} is ${KeySpec} for ${KeyUsage}, and not ${spec} for ${usage}`,
      "the alias names another key: point it back at the one that the stack made",
    ),
  ];
}

async function checkRoot(
  { kms }: Cloud,
  { rootKey, wrappingKey }: Deployment,
  seen: string | undefined,
): Promise<readonly Check[]> {
  const name = "root key agrees";
  if (seen === undefined) return [notChecked(name, "GET /keys shows no root key to compare with")];
  const { x, y } = await kmsKeyService(kms, {
    rootKeyId: rootKey,
    wrappingKeyId: wrappingKey,
  }).root.publicKey();
  const held = thumbprint(encodeP256(x, y));
  return [
    judge(
      name,
      held === seen,
      "KMS holds the root key that peers are shown",
      `KMS holds the root key ${held}, and peers are shown ${seen}`,
      "the table belongs to another root key: point the alias back, or restore the table that goes with this key",
    ),
  ];
}

async function checkRotation({ kms }: Cloud, KeyId: string): Promise<readonly Check[]> {
  const name = "wrapping key rotation";
  try {
    const { KeyRotationEnabled } = await kms.send(new GetKeyRotationStatusCommand({ KeyId }));
    if (KeyRotationEnabled === true) return [ok(name, "KMS rotates it by itself")];
    return [wrong(name, "KMS does not rotate it", "turn it on (aws kms enable-key-rotation)")];
  } catch (error) {
    // Only the stand-in says so; AWS has the operation for every symmetric key.
    if (error instanceof Error && error.message.startsWith("The development KMS has no operation"))
      return [notChecked(name, "the embedded KMS has none")];
    throw error;
  }
}
