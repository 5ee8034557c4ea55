/** The broker's keys in the development KMS, made as the deployment's are (`keyDefinitions`). */
import { resolve } from "node:path";
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  KMSClient,
  NotFoundException,
} from "@aws-sdk/client-kms";
import { keyAlias, keyDefinitions, standIn, type Wiring } from "@lepta/lambdas";
import { readKeyTable } from "@lepta/lambdas/custody/key-items";
import { encodeP256, thumbprint } from "@lepta/protocol";
import { fileName } from "./data-directory.ts";

/** The stage of an embedded cloud, in the names of its keys, functions and parameter. */
export const STAGE = "embedded";

/** Makes the keys of a new table. The keys of a table that has some must be there: others would make its money worthless. */
export async function ensureKeys(
  endpoint: string,
  { store, keyService }: Wiring,
  dir: string,
): Promise<void> {
  const { rootKey } = await readKeyTable(store);
  const client = new KMSClient(standIn(endpoint));
  try {
    const isComplete = (await hasKey(client, "root")) && (await hasKey(client, "wrapping"));
    if (rootKey !== undefined && !isComplete) throw otherRoot(dir, rootKey, "which is missing");
    await ensureKey(client, "root");
    await ensureKey(client, "wrapping");
  } finally {
    client.destroy();
  }
  if (rootKey === undefined) return;
  const { x, y } = await keyService.root.publicKey();
  const found = thumbprint(encodeP256(x, y));
  if (found !== thumbprint(rootKey)) throw otherRoot(dir, rootKey, `which now holds ${found}`);
}

const otherRoot = (dir: string, rootKey: Uint8Array, instead: string): Error =>
  new Error(
    `The table in ${resolve(dir)} belongs to another root key: ${thumbprint(rootKey)}. It needs the key file ` +
      `${fileName.keys} that it was made with, ${instead}. Nothing was changed. Put that file back from a copy, or ` +
      "start with an empty directory (--data): the money in this table is then gone.",
  );

type KeyName = keyof typeof keyDefinitions;

async function hasKey(client: KMSClient, key: KeyName): Promise<boolean> {
  try {
    await client.send(new DescribeKeyCommand({ KeyId: keyAlias(STAGE, key) }));
    return true;
  } catch (error) {
    if (error instanceof NotFoundException) return false;
    throw error;
  }
}

async function ensureKey(client: KMSClient, key: KeyName): Promise<void> {
  if (await hasKey(client, key)) return;
  const { spec, usage } = keyDefinitions[key];
  const { KeyMetadata } = await client.send(new CreateKeyCommand({ KeySpec: spec, KeyUsage: usage }));
  await client.send(
    new CreateAliasCommand({ AliasName: keyAlias(STAGE, key), TargetKeyId: KeyMetadata?.KeyId }),
  );
}
