import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GetPublicKeyCommand,
  KMSClient,
  ListAliasesCommand,
  ListKeysCommand,
  SignCommand,
  VerifyCommand,
} from "@aws-sdk/client-kms";
import { type DevelopmentKms, startDevelopmentKms } from "@lepta/local/development-kms";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

let directory: string;
let file: string;
let kms: DevelopmentKms;
let client: KMSClient;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lepta-kms-"));
  file = join(directory, "state", "keys.json");
  await start();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await stop();
  await rm(directory, { recursive: true });
});

describe("a development KMS", () => {
  test("is reached through AWS_ENDPOINT_URL_KMS", async () => {
    vi.stubEnv("AWS_ENDPOINT_URL_KMS", kms.url);
    const unaware = new KMSClient({ region: "eu-central-1", credentials });
    await expect(unaware.send(new ListAliasesCommand({}))).resolves.toMatchObject({ Aliases: [] });
    unaware.destroy();
  });

  test("describes a key as AWS does, at the time it was created", async () => {
    const created = await client.send(
      new CreateKeyCommand({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY", Description: "coins" }),
    );
    const described = await client.send(new DescribeKeyCommand({ KeyId: created.KeyMetadata?.KeyId }));
    expect(described.KeyMetadata).toEqual(created.KeyMetadata);
    expect(described.KeyMetadata).toMatchObject({
      CreationDate: new Date(instant),
      Description: "coins",
      Enabled: true,
      KeySpec: "ECC_NIST_P256",
      KeyState: "Enabled",
      KeyUsage: "SIGN_VERIFY",
      SigningAlgorithms: ["ECDSA_SHA_256"],
    });
    expect((await client.send(new CreateKeyCommand({}))).KeyMetadata).toMatchObject({
      EncryptionAlgorithms: ["SYMMETRIC_DEFAULT"],
      KeySpec: "SYMMETRIC_DEFAULT",
      KeyUsage: "ENCRYPT_DECRYPT",
    });
  });

  test("finds a key by id, ARN, alias and alias ARN, and by nothing else", async () => {
    const { id, arn } = await createSigningKey();
    await client.send(new CreateAliasCommand({ AliasName: "alias/coins", TargetKeyId: id }));
    const aliasArn = arn.replace(`key/${id}`, "alias/coins");
    for (const name of [id, arn, "alias/coins", aliasArn]) {
      const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: name }));
      expect(KeyMetadata?.KeyId).toBe(id);
    }
    const otherRegion = arn.replace("us-east-1", "us-west-2");
    for (const name of [`key/${id}`, "alias/other", arn.replace("key/", ""), otherRegion, "nothing"]) {
      await expect(client.send(new DescribeKeyCommand({ KeyId: name }))).rejects.toMatchObject({
        name: "NotFoundException",
      });
    }
  });

  test("refuses to create what it cannot keep its word about", async () => {
    const refusals = [
      [{ KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" }, "UnsupportedOperationException"],
      [{ Origin: "EXTERNAL" }, "UnsupportedOperationException"],
      [{ MultiRegion: true }, "UnsupportedOperationException"],
      [{ KeySpec: "ECC_NIST_P256" }, "ValidationException"],
      [{ KeySpec: "ECC_NIST_P256", KeyUsage: "ENCRYPT_DECRYPT" }, "ValidationException"],
      [{ KeyUsage: "SIGN_VERIFY" }, "ValidationException"],
    ] as const;
    for (const [input, name] of refusals) {
      await expect(client.send(new CreateKeyCommand(input))).rejects.toMatchObject({ name });
    }
  });

  test("refuses a dry run instead of doing it", async () => {
    const KeyId = await createSymmetricKey();
    await expect(
      client.send(new EncryptCommand({ KeyId, Plaintext: text, DryRun: true })),
    ).rejects.toMatchObject({ name: "UnsupportedOperationException" });
  });

  test("says that it has no other operations", async () => {
    await expect(client.send(new ListKeysCommand({}))).rejects.toMatchObject({
      name: "UnsupportedOperationException",
    });
    expect(kms.calls.size).toBe(0);
  });

  test("counts the requests of each operation, failed ones included", async () => {
    const { id } = await createSigningKey();
    await signRaw(id, text);
    await signRaw(id, text);
    await expect(signRaw("nothing", text)).rejects.toThrow();
    expect([...kms.calls]).toEqual([
      ["CreateKey", 1],
      ["GetPublicKey", 1],
      ["Sign", 3],
    ]);
  });
});

describe("a signature of a development KMS", () => {
  test("over a message or over its digest verifies with the public key it gives", async () => {
    const { id, publicKey } = await createSigningKey();
    // Enough rounds to meet integers of every DER length that occurs in practice.
    for (let round = 0; round < 100; round++) {
      const message = Buffer.from(`message ${round}`);
      expect(verify("sha256", message, publicKey, await signRaw(id, message))).toBe(true);
      expect(verify("sha256", message, publicKey, await signDigest(id, message))).toBe(true);
    }
  });

  test("verifies in the KMS whether it was made over the message or over the digest", async () => {
    const { id } = await createSigningKey();
    for (const signature of [await signRaw(id, text), await signDigest(id, text)]) {
      for (const input of [rawMessage(text), digestMessage(text)]) {
        const answer = await client.send(
          new VerifyCommand({
            KeyId: id,
            ...input,
            Signature: signature,
            SigningAlgorithm: "ECDSA_SHA_256",
          }),
        );
        expect(answer.SignatureValid).toBe(true);
      }
    }
  });

  test("does not verify with any bit altered, over another message, or under another key", async () => {
    const { id } = await createSigningKey();
    const signature = await signRaw(id, text);
    const other = sign("sha256", text, generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
    const trailing = Buffer.concat([signature, Buffer.of(0)]);
    const altered = [...signature.keys()].map((at) => flip(signature, at));
    for (const bad of [...altered, trailing, other, Buffer.of(0x30), Buffer.alloc(200, 0x30)]) {
      await expect(verifyWith(id, digestMessage(text), bad)).rejects.toMatchObject(invalidSignature);
      await expect(verifyWith(id, rawMessage(text), bad)).rejects.toMatchObject(invalidSignature);
    }
    const elsewhere = Buffer.from("another message");
    await expect(verifyWith(id, digestMessage(elsewhere), signature)).rejects.toMatchObject(invalidSignature);
    await expect(verifyWith(id, rawMessage(elsewhere), signature)).rejects.toMatchObject(invalidSignature);
  });

  test("is refused for a message over 4096 bytes, a digest of another length, and another algorithm", async () => {
    const { id } = await createSigningKey();
    await expect(signRaw(id, Buffer.alloc(4096))).resolves.toBeInstanceOf(Uint8Array);
    await expect(signRaw(id, Buffer.alloc(4097))).rejects.toMatchObject({ name: "ValidationException" });
    for (const length of [31, 33]) {
      const input = { KeyId: id, Message: Buffer.alloc(length), MessageType: "DIGEST" } as const;
      await expect(
        client.send(new SignCommand({ ...input, SigningAlgorithm: "ECDSA_SHA_256" })),
      ).rejects.toMatchObject({ name: "ValidationException" });
    }
    await expect(
      client.send(new SignCommand({ KeyId: id, Message: text, SigningAlgorithm: "ECDSA_SHA_384" })),
    ).rejects.toMatchObject({ name: "InvalidKeyUsageException" });
  });

  test("is refused by an encryption key, as encryption is by a signing key", async () => {
    const symmetric = await createSymmetricKey();
    const { id } = await createSigningKey();
    const wrongUsage = { name: "InvalidKeyUsageException" };
    await expect(signRaw(symmetric, text)).rejects.toMatchObject(wrongUsage);
    await expect(client.send(new EncryptCommand({ KeyId: id, Plaintext: text }))).rejects.toMatchObject(
      wrongUsage,
    );
    await expect(client.send(new GetPublicKeyCommand({ KeyId: symmetric }))).rejects.toMatchObject({
      name: "UnsupportedOperationException",
    });
  });
});

describe("a ciphertext of a development KMS", () => {
  test("names its key and opens under an equal encryption context in any order", async () => {
    const KeyId = await createSymmetricKey();
    const { CiphertextBlob } = await client.send(
      new EncryptCommand({ KeyId, Plaintext: text, EncryptionContext: { wallet: "7", purpose: "seed" } }),
    );
    const opened = await client.send(
      new DecryptCommand({ CiphertextBlob, EncryptionContext: { purpose: "seed", wallet: "7" } }),
    );
    expect(Buffer.from(opened.Plaintext ?? [])).toEqual(text);
    expect(opened.KeyId).toMatch(new RegExp(`:key/${KeyId}$`));
  });

  test("does not open under another encryption context", async () => {
    const KeyId = await createSymmetricKey();
    const { CiphertextBlob } = await client.send(
      new EncryptCommand({ KeyId, Plaintext: text, EncryptionContext: { a: "b", c: "d" } }),
    );
    const contexts = [{ a: "b" }, { a: "b", c: "e" }, { a: 'b","c":"d' }, { a: "d", c: "b" }, {}, undefined];
    for (const EncryptionContext of contexts) {
      await expect(
        client.send(new DecryptCommand({ CiphertextBlob, ...(EncryptionContext && { EncryptionContext }) })),
      ).rejects.toMatchObject({ name: "InvalidCiphertextException" });
    }
  });

  test("does not open with any byte altered, cut short, or under a key that is gone", async () => {
    const KeyId = await createSymmetricKey();
    const sealed = await client.send(new EncryptCommand({ KeyId, Plaintext: text }));
    const blob = Buffer.from(sealed.CiphertextBlob ?? []);
    const bad = [...blob.keys()].map((at) => flip(blob, at));
    for (const CiphertextBlob of [...bad, blob.subarray(0, -1), blob.subarray(0, 44), Buffer.of(1)]) {
      await expect(client.send(new DecryptCommand({ CiphertextBlob }))).rejects.toMatchObject({
        name: "InvalidCiphertextException",
      });
    }
    await stop();
    await rm(file);
    await start();
    await expect(client.send(new DecryptCommand({ CiphertextBlob: blob }))).rejects.toMatchObject({
      name: "InvalidCiphertextException",
    });
  });

  test("does not open where the caller expects another key", async () => {
    const KeyId = await createSymmetricKey();
    const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext: text }));
    const other = await createSymmetricKey();
    const { id: signing } = await createSigningKey();
    const refusals = [
      [other, "IncorrectKeyException"],
      [signing, "InvalidKeyUsageException"],
      ["alias/nothing", "NotFoundException"],
    ] as const;
    for (const [expected, name] of refusals) {
      await expect(
        client.send(new DecryptCommand({ CiphertextBlob, KeyId: expected })),
      ).rejects.toMatchObject({ name });
    }
    await expect(client.send(new DecryptCommand({ CiphertextBlob, KeyId }))).resolves.toBeDefined();
  });

  test("holds at most 4096 bytes and at least one", async () => {
    const KeyId = await createSymmetricKey();
    const encrypt = (length: number) =>
      client.send(new EncryptCommand({ KeyId, Plaintext: Buffer.alloc(length) }));
    const { CiphertextBlob } = await encrypt(4096);
    const { Plaintext } = await client.send(new DecryptCommand({ CiphertextBlob }));
    expect(Plaintext).toHaveLength(4096);
    await expect(encrypt(4097)).rejects.toMatchObject({ name: "ValidationException" });
    await expect(encrypt(0)).rejects.toMatchObject({ name: "ValidationException" });
  });

  test("is different each time", async () => {
    const KeyId = await createSymmetricKey();
    const command = () => client.send(new EncryptCommand({ KeyId, Plaintext: text }));
    const [first, second] = [await command(), await command()];
    expect(first.CiphertextBlob).not.toEqual(second.CiphertextBlob);
  });

  test("carries a data key of the length asked for", async () => {
    const KeyId = await createSymmetricKey();
    const EncryptionContext = { purpose: "seed" };
    for (const [size, length] of [
      [{ KeySpec: "AES_256" }, 32],
      [{ NumberOfBytes: 48 }, 48],
    ] as const) {
      const key = await client.send(new GenerateDataKeyCommand({ KeyId, EncryptionContext, ...size }));
      const { CiphertextBlob } = key;
      const opened = await client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));
      expect(key.Plaintext).toHaveLength(length);
      expect(opened.Plaintext).toEqual(key.Plaintext);
    }
    for (const size of [{}, { KeySpec: "AES_256", NumberOfBytes: 32 }, { NumberOfBytes: 1025 }] as const) {
      await expect(client.send(new GenerateDataKeyCommand({ KeyId, ...size }))).rejects.toMatchObject({
        name: "ValidationException",
      });
    }
  });
});

describe("an alias of a development KMS", () => {
  test("is listed with its key, by name and page by page", async () => {
    const { id } = await createSigningKey();
    const other = await createSymmetricKey();
    for (const name of ["c", "a", "b"]) {
      await client.send(new CreateAliasCommand({ AliasName: `alias/${name}`, TargetKeyId: id }));
    }
    await client.send(new CreateAliasCommand({ AliasName: "alias/d", TargetKeyId: other }));
    const first = await client.send(new ListAliasesCommand({ Limit: 3 }));
    expect(first.Aliases?.map(({ AliasName }) => AliasName)).toEqual(["alias/a", "alias/b", "alias/c"]);
    expect(first.Truncated).toBe(true);
    const second = await client.send(new ListAliasesCommand({ Limit: 3, Marker: first.NextMarker }));
    expect(second).toMatchObject({
      Aliases: [{ AliasName: "alias/d", TargetKeyId: other }],
      Truncated: false,
    });
    const ofOther = await client.send(new ListAliasesCommand({ KeyId: other }));
    expect(ofOther.Aliases).toMatchObject([{ AliasName: "alias/d", CreationDate: new Date(instant) }]);
  });

  test("has a name of its own and leads to a key", async () => {
    const { id } = await createSigningKey();
    await client.send(new CreateAliasCommand({ AliasName: "alias/coins", TargetKeyId: id }));
    const refusals = [
      ["alias/coins", id, "AlreadyExistsException"],
      ["coins", id, "InvalidAliasNameException"],
      ["alias/aws/coins", id, "InvalidAliasNameException"],
      ["alias/other", "alias/coins", "ValidationException"],
      ["alias/other", "nothing", "NotFoundException"],
    ] as const;
    for (const [AliasName, TargetKeyId, name] of refusals) {
      await expect(client.send(new CreateAliasCommand({ AliasName, TargetKeyId }))).rejects.toMatchObject({
        name,
      });
    }
  });
});

describe("the key file of a development KMS", () => {
  test("keeps keys, aliases and what they protect across a restart, readable by its owner only", async () => {
    const { id, publicKey } = await createSigningKey();
    await client.send(new CreateAliasCommand({ AliasName: "alias/coins", TargetKeyId: id }));
    const KeyId = await createSymmetricKey();
    const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext: text }));
    await restart();
    expect(verify("sha256", text, publicKey, await signDigest("alias/coins", text))).toBe(true);
    const opened = await client.send(new DecryptCommand({ CiphertextBlob }));
    expect(Buffer.from(opened.Plaintext ?? [])).toEqual(text);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(directory, "state"))).toEqual(["keys.json"]);
  });

  test("stops the start, untouched, where it is damaged or of an unknown version", async () => {
    await createSigningKey();
    await client.send(
      new CreateAliasCommand({ AliasName: "alias/a", TargetKeyId: await createSymmetricKey() }),
    );
    await stop();
    const good = await readFile(file, "utf8");
    const state = JSON.parse(good) as { keys: Record<string, unknown>[]; aliases: unknown[] };
    const [signing, symmetric] = state.keys;
    const damages: [string, RegExp][] = [
      ["", /damaged: it is not JSON/],
      [good.slice(0, -10), /damaged: it is not JSON/],
      ["[]", /damaged: it has no version/],
      [JSON.stringify({ ...state, version: 2 }), /has version 2; this program reads version 1/],
      [JSON.stringify({ version: 1 }), /damaged: it has no list of keys/],
      [JSON.stringify({ ...state, aliases: undefined }), /damaged: it has no list of aliases/],
      [JSON.stringify({ ...state, keys: [{ ...signing, material: "AAAA" }] }), /damaged: key 0/],
      [JSON.stringify({ ...state, keys: [{ ...signing, spec: "SYMMETRIC_DEFAULT" }] }), /damaged: key 0/],
      [JSON.stringify({ ...state, keys: [signing, { ...symmetric, material: "AAAA" }] }), /damaged: key 1/],
      [JSON.stringify({ ...state, keys: [signing, symmetric, signing] }), /damaged: two keys have one id/],
      [JSON.stringify({ ...state, keys: [signing] }), /damaged: alias 0/],
      [JSON.stringify({ ...state, aliases: [...state.aliases, ...state.aliases] }), /damaged: two aliases/],
    ];
    for (const [content, reason] of damages) {
      await writeFile(file, content);
      await expect(startDevelopmentKms({ file })).rejects.toThrow(reason);
      expect(await readFile(file, "utf8")).toBe(content);
    }
    await writeFile(file, good);
    await start();
  });

  test("is not overwritten where another process changed it meanwhile", async () => {
    await createSigningKey();
    const other = await startDevelopmentKms({ file });
    const otherClient = clientOf(other);
    await otherClient.send(new CreateKeyCommand({}));
    otherClient.destroy();
    await other.close();
    const content = await readFile(file, "utf8");
    await expect(client.send(new CreateKeyCommand({}))).rejects.toMatchObject({
      name: "KMSInternalException",
      message: expect.stringContaining("changed by another process"),
    });
    expect(await readFile(file, "utf8")).toBe(content);
  });

  test("that cannot be written loses no key and adds none", async () => {
    const KeyId = await createSymmetricKey();
    const before = await readFile(file, "utf8");
    // A directory that is not empty cannot be removed as the leftover of a crash.
    await mkdir(join(`${file}.new`, "in the way"), { recursive: true });
    await expect(
      client.send(new CreateAliasCommand({ AliasName: "alias/coins", TargetKeyId: KeyId })),
    ).rejects.toMatchObject({ name: "KMSInternalException" });
    expect((await client.send(new ListAliasesCommand({}))).Aliases).toEqual([]);
    expect(await readFile(file, "utf8")).toBe(before);
    await rm(`${file}.new`, { recursive: true });
    await client.send(new CreateAliasCommand({ AliasName: "alias/coins", TargetKeyId: KeyId }));
  });

  test("becomes its owner's only with the next change, and a crash's leftovers are replaced", async () => {
    await createSigningKey();
    await chmod(file, 0o644);
    await writeFile(`${file}.new`, "half a file", { mode: 0o644 });
    await createSigningKey();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await restart();
    expect(await readdir(join(directory, "state"))).toEqual(["keys.json"]);
  });
});

describe("the port of a development KMS", () => {
  test("answers malformed requests with a fault the SDK knows", async () => {
    const faults: [Record<string, string>, string, string][] = [
      [{ "x-amz-target": "TrentService.Sign" }, "not json", "SerializationException"],
      [{ "x-amz-target": "TrentService.Sign" }, "[]", "SerializationException"],
      [{ "x-amz-target": "TrentService.Sign" }, "{}", "ValidationException"],
      [{ "x-amz-target": "TrentService.DescribeKey" }, '{"KeyId":7}', "SerializationException"],
      [{ "x-amz-target": "TrentService.Decrypt" }, '{"CiphertextBlob":"*"}', "SerializationException"],
      [{ "x-amz-target": "TrentService.Sign" }, " ".repeat(64 * 1024 + 1), "ValidationException"],
      [{ "x-amz-target": "TrentService.__proto__" }, "{}", "UnsupportedOperationException"],
      [{ "x-amz-target": "OtherService.Sign" }, "{}", "UnsupportedOperationException"],
      [{}, "{}", "UnsupportedOperationException"],
    ];
    for (const [headers, body, type] of faults) {
      expect(await post(headers, body)).toMatchObject({ status: 400, body: { __type: type } });
    }
  });

  test("treats a member that is null as left out", async () => {
    const answer = await post(
      { "x-amz-target": "TrentService.ListAliases" },
      '{"KeyId":null,"Limit":null,"Marker":null}',
    );
    expect(answer).toMatchObject({ status: 200, body: { Aliases: [] } });
  });

  test("does not answer a page whose host name was pointed at loopback", async () => {
    const headers = { "x-amz-target": "TrentService.ListAliases", host: "rebound.example" };
    expect(await post(headers, "{}")).toMatchObject({
      status: 400,
      body: { __type: "AccessDeniedException" },
    });
  });

  test("that is taken stops the start", async () => {
    const port = Number(new URL(kms.url).port);
    await expect(startDevelopmentKms({ file, port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  test("is free again after close, which may be called twice", async () => {
    const port = Number(new URL(kms.url).port);
    await Promise.all([kms.close(), kms.close()]);
    const next = await startDevelopmentKms({ file, port });
    expect(next.url).toBe(kms.url);
    await next.close();
  });
});

const instant = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const text = Buffer.from("the quick brown fox");
const credentials = { accessKeyId: "development", secretAccessKey: "development" };
const invalidSignature = { name: "KMSInvalidSignatureException" };

interface MessageInput {
  Message: Uint8Array;
  MessageType: "RAW" | "DIGEST";
}

async function start(): Promise<void> {
  kms = await startDevelopmentKms({ file, now: () => instant });
  client = clientOf(kms);
}

async function stop(): Promise<void> {
  client.destroy();
  await kms.close();
}

async function restart(): Promise<void> {
  await stop();
  await start();
}

function clientOf({ url }: DevelopmentKms): KMSClient {
  // One attempt: a refusal that the SDK would retry shows at once, and the counts stay exact.
  return new KMSClient({ endpoint: url, region: "us-east-1", credentials, maxAttempts: 1 });
}

async function createSigningKey(): Promise<{ id: string; arn: string; publicKey: KeyObject }> {
  const { KeyMetadata } = await client.send(
    new CreateKeyCommand({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" }),
  );
  const id = KeyMetadata?.KeyId ?? "";
  const arn = KeyMetadata?.Arn ?? "";
  const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: id }));
  const publicKey = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: "der", type: "spki" });
  return { id, arn, publicKey };
}

async function createSymmetricKey(): Promise<string> {
  const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
  return KeyMetadata?.KeyId ?? "";
}

function rawMessage(message: Uint8Array): MessageInput {
  return { Message: message, MessageType: "RAW" };
}

function digestMessage(message: Uint8Array): MessageInput {
  return { Message: createHash("sha256").update(message).digest(), MessageType: "DIGEST" };
}

function signRaw(keyId: string, message: Uint8Array): Promise<Uint8Array> {
  return signInput(keyId, rawMessage(message));
}

function signDigest(keyId: string, message: Uint8Array): Promise<Uint8Array> {
  return signInput(keyId, digestMessage(message));
}

async function signInput(KeyId: string, input: MessageInput): Promise<Uint8Array> {
  const command = new SignCommand({ KeyId, ...input, SigningAlgorithm: "ECDSA_SHA_256" });
  return (await client.send(command)).Signature ?? new Uint8Array();
}

function verifyWith(KeyId: string, input: MessageInput, Signature: Uint8Array) {
  const command = new VerifyCommand({ KeyId, ...input, Signature, SigningAlgorithm: "ECDSA_SHA_256" });
  return client.send(command);
}

function flip(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0x01;
  return copy;
}

/** A request below the SDK, which would not send any of these. */
function post(
  headers: Record<string, string>,
  body: string,
): Promise<{ status: number | undefined; body: unknown }> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(kms.url, { method: "POST", headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode, body: JSON.parse(Buffer.concat(chunks).toString("utf8")) });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
