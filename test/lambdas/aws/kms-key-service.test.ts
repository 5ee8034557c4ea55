import { createHash, generateKeyPairSync, sign } from "node:crypto";
import {
  DecryptCommand,
  GenerateDataKeyCommand,
  GetPublicKeyCommand,
  KMSClient,
  SignCommand,
} from "@aws-sdk/client-kms";
import { rotateKeys } from "@lepta/lambdas";
import { kmsKeyService } from "@lepta/lambdas/aws/kms-key-service";
import { tableCustody } from "@lepta/lambdas/custody/table-custody";
import { memoryStore } from "@lepta/lambdas/memory/store";
import { defaultSuite, encodeP256, orThrow, utf8 } from "@lepta/protocol";
import { mockClient } from "aws-sdk-client-mock";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { testRuntime } from "../../support/runtime.ts";

const kms = mockClient(KMSClient);
const client = new KMSClient({ region: "us-east-1" });
const keyService = kmsKeyService(client, { rootKeyId: "alias/root", wrappingKeyId: "alias/wrapping" });
const root = generateKeyPairSync("ec", { namedCurve: "P-256" });
const spki = new Uint8Array(root.publicKey.export({ format: "der", type: "spki" }));

beforeEach(() => {
  kms.reset();
  kms.on(GetPublicKeyCommand).resolves({ PublicKey: spki });
  kms.on(SignCommand).callsFake(({ Message }: { Message: Uint8Array }) => ({
    Signature: new Uint8Array(sign("sha256", Message, root.privateKey)),
  }));
});

afterAll(() => {
  kms.restore();
  client.destroy();
});

/** A stand-in for GenerateDataKey and Decrypt whose blob tells the context that it was made under. */
function wrapInTheOpen(): void {
  const made = new Map<string, Uint8Array>();
  const nameOf = (context: unknown) => JSON.stringify(context);
  kms.on(GenerateDataKeyCommand).callsFake(({ EncryptionContext }: { EncryptionContext: unknown }) => {
    const plain = new Uint8Array(createHash("sha256").update(nameOf(EncryptionContext)).digest());
    made.set(nameOf(EncryptionContext), plain);
    return { Plaintext: plain, CiphertextBlob: utf8(nameOf(EncryptionContext)) };
  });
  kms.on(DecryptCommand).callsFake(({ EncryptionContext }: { EncryptionContext: unknown }) => ({
    Plaintext: made.get(nameOf(EncryptionContext)),
  }));
}

describe("what the KMS key service sends", () => {
  test("signatures are asked for as ECDSA_SHA_256 over the raw message, and come back as r and s", async () => {
    const data = utf8("a certificate");
    const signature = await keyService.root.sign(data);
    expect(kms.commandCalls(SignCommand)[0]?.args[0].input).toEqual({
      KeyId: "alias/root",
      Message: data,
      MessageType: "RAW",
      SigningAlgorithm: "ECDSA_SHA_256",
    });
    const { x, y } = await keyService.root.publicKey();
    const key = orThrow(await defaultSuite.verifyingKey(encodeP256(x, y)));
    expect(await key.verify(data, signature)).toBe(true);
    expect(kms.commandCalls(GetPublicKeyCommand)[0]?.args[0].input).toEqual({ KeyId: "alias/root" });
  });

  test("data keys are AES-256 under the context, and are unwrapped under the same", async () => {
    wrapInTheOpen();
    const context = { "lepta:network": "net", "lepta:purpose": "decide" };
    const { wrapped } = await keyService.wrapper.generate(context);
    await keyService.wrapper.unwrap(wrapped, context);
    expect(kms.commandCalls(GenerateDataKeyCommand)[0]?.args[0].input).toEqual({
      KeyId: "alias/wrapping",
      KeySpec: "AES_256",
      EncryptionContext: context,
    });
    expect(kms.commandCalls(DecryptCommand)[0]?.args[0].input).toEqual({
      KeyId: "alias/wrapping",
      CiphertextBlob: wrapped,
      EncryptionContext: context,
    });
  });

  test("rotation and custody name network and purpose in every encryption context", async () => {
    wrapInTheOpen();
    const ports = {
      store: memoryStore(),
      keyService,
      suite: defaultSuite,
      runtime: testRuntime(),
      disputeWindow: 1,
    };
    const { network } = await rotateKeys(ports);
    const contexts = (["enrol", "decide", "acknowledge"] as const).map((purpose) => ({
      "lepta:network": network,
      "lepta:purpose": purpose,
    }));
    expect(
      kms.commandCalls(GenerateDataKeyCommand).map((call) => call.args[0].input.EncryptionContext),
    ).toEqual(contexts);
    kms.resetHistory();
    await tableCustody(ports, "decide").keys();
    expect(kms.calls()).toHaveLength(1);
    expect(kms.commandCalls(DecryptCommand)[0]?.args[0].input.EncryptionContext).toEqual(contexts[1]);
  });

  test("a root key of another curve is refused", async () => {
    const other = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey;
    kms
      .on(GetPublicKeyCommand)
      .resolves({ PublicKey: new Uint8Array(other.export({ format: "der", type: "spki" })) });
    await expect(keyService.root.publicKey()).rejects.toThrow("not an ECC_NIST_P256 key");
  });

  test("an answer without what was asked for is a fault", async () => {
    kms.on(SignCommand).resolves({});
    kms.on(DecryptCommand).resolves({});
    await expect(keyService.root.sign(utf8("x"))).rejects.toThrow("without what was asked for");
    await expect(keyService.wrapper.unwrap(utf8("x"), {})).rejects.toThrow("without what was asked for");
  });
});
