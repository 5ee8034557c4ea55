// What a development KMS does for each operation it has; names and shapes are those of the AWS KMS API.
import { createPublicKey, randomBytes, sign, verify } from "node:crypto";
import { blobKeyId, openBlob, sealBlob } from "./ciphertext-blob.ts";
import { signDigest, verifyDigest } from "./digest-signature.ts";
import type { KmsKey, SigningKey, SymmetricKey } from "./key-file.ts";
import { type KeyRing, kmsAccount, kmsArn } from "./key-ring.ts";
import { KmsFault, type KmsRequest } from "./request.ts";

/** Answers one request: the members of the response, or a thrown `KmsFault`. */
export type KmsOperation = (request: KmsRequest, ring: KeyRing) => Record<string, unknown>;

/** The operations a development KMS has, by name; options that would change what they do are refused. */
export const kmsOperations: ReadonlyMap<string, KmsOperation> = new Map(
  Object.entries({
    CreateAlias: createAlias,
    CreateKey: createKey,
    Decrypt: decrypt,
    DescribeKey: describeKey,
    Encrypt: encrypt,
    GenerateDataKey: generateDataKey,
    GetPublicKey: getPublicKey,
    ListAliases: listAliases,
    Sign: signMessage,
    Verify: verifyMessage,
  }).map(([name, operation]) => [name, withoutUnknownOptions(operation)]),
);

const messageLimit = 4096;
const blobLimit = 6144;
const digestLength = 32;
const signingAlgorithm = "ECDSA_SHA_256";
const encryptionAlgorithm = "SYMMETRIC_DEFAULT";
const usages = { ECC_NIST_P256: "SIGN_VERIFY", SYMMETRIC_DEFAULT: "ENCRYPT_DECRYPT" } as const;

// Policies, tags and grant tokens are left out of this list: with a single caller they change nothing.
const unknownOptions = [
  "DryRun",
  "DryRunModifiers",
  "Recipient",
  "MultiRegion",
  "CustomKeyStoreId",
  "XksKeyId",
];

function withoutUnknownOptions(operation: KmsOperation): KmsOperation {
  return (request, ring) => {
    const unknown = unknownOptions.find((name) => request.asks(name));
    if (unknown === undefined) return operation(request, ring);
    throw new KmsFault("UnsupportedOperationException", `The development KMS has no option ${unknown}`);
  };
}

function createKey(request: KmsRequest, ring: KeyRing): Record<string, unknown> {
  const spec = request.optionalText("KeySpec") ?? "SYMMETRIC_DEFAULT";
  if (spec !== "SYMMETRIC_DEFAULT" && spec !== "ECC_NIST_P256") {
    throw new KmsFault("UnsupportedOperationException", `The development KMS has no keys of spec ${spec}`);
  }
  if ((request.optionalText("Origin") ?? "AWS_KMS") !== "AWS_KMS") {
    throw new KmsFault("UnsupportedOperationException", "The development KMS makes all its keys itself");
  }
  // As in KMS, only a symmetric key may leave its usage out.
  request.choice("KeyUsage", [usages[spec]], spec === "SYMMETRIC_DEFAULT" ? usages[spec] : undefined);
  return { KeyMetadata: metadata(ring.createKey(spec, request.optionalText("Description") ?? "")) };
}

function describeKey(request: KmsRequest, ring: KeyRing): Record<string, unknown> {
  return { KeyMetadata: metadata(ring.find(request.text("KeyId"))) };
}

function getPublicKey(request: KmsRequest, ring: KeyRing): Record<string, unknown> {
  const key = ring.find(request.text("KeyId"));
  if (key.spec !== "ECC_NIST_P256") {
    throw new KmsFault("UnsupportedOperationException", `${arnOf(key)} has no public key`);
  }
  const publicKey = createPublicKey(key.privateKey).export({ format: "der", type: "spki" });
  return {
    KeyId: arnOf(key),
    PublicKey: publicKey.toString("base64"),
    CustomerMasterKeySpec: key.spec,
    KeySpec: key.spec,
    KeyUsage: usages[key.spec],
    SigningAlgorithms: [signingAlgorithm],
  };
}

function signMessage(request: KmsRequest, ring: KeyRing): Record<string, unknown> {
  const key = signingKey(request, ring);
  const { bytes, isDigest } = messageOf(request);
  const signature = isDigest ? signDigest(key.privateKey, bytes) : sign("sha256", bytes, key.privateKey);
  return { KeyId: arnOf(key), Signature: signature.toString("base64"), SigningAlgorithm: signingAlgorithm };
}

function verifyMessage(request: KmsRequest, ring: KeyRing): Record<string, unknown> {
  const key = signingKey(request, ring);
  const { bytes, isDigest } = messageOf(request);
  const signature = request.bytes("Signature", blobLimit);
  const valid = isDigest
    ? verifyDigest(key.privateKey, bytes, signature)
    : verify("sha256", bytes, createPublicKey(key.privateKey), signature);
  if (!valid) throw new KmsFault("KMSInvalidSignatureException", "The signature does not verify");
  return { KeyId: arnOf(key), SignatureValid: true, SigningAlgorithm: signingAlgorithm };
}

function messageOf(request: KmsRequest): { bytes: Buffer; isDigest: boolean } {
  const isDigest = request.choice("MessageType", ["RAW", "DIGEST"], "RAW") === "DIGEST";
  const bytes = request.bytes("Message", messageLimit);
  if (isDigest && bytes.length !== digestLength) {
    throw new KmsFault("ValidationException", `Digest is invalid length for algorithm ${signingAlgorithm}`);
  }
  return { bytes, isDigest };
}

function encrypt(request: KmsRequest, ring: KeyRing): Record<string, unknown> {
  const key = symmetricKey(request, ring, request.text("KeyId"));
  const blob = sealBlob(key, request.bytes("Plaintext", messageLimit), request.encryptionContext());
  return {
    KeyId: arnOf(key),
    CiphertextBlob: blob.toString("base64"),
    EncryptionAlgorithm: encryptionAlgorithm,
  };
}

function decrypt(request: KmsRequest, ring: KeyRing): Record<string, unknown> {
  const blob = request.bytes("CiphertextBlob", blobLimit);
  const expected = request.optionalText("KeyId");
  // The caller's key is looked up first: a key that does not exist is a plainer mistake than a foreign blob.
  const given = expected === undefined ? undefined : symmetricKey(request, ring, expected);
  const id = blobKeyId(blob);
  if (id === undefined) throw invalidCiphertext();
  if (given !== undefined && given.id !== id) {
    throw new KmsFault("IncorrectKeyException", "The ciphertext was encrypted under another key");
  }
  const key = given ?? keyOfBlob(ring, id);
  const plaintext = openBlob(key, blob, request.encryptionContext());
  if (plaintext === undefined) throw invalidCiphertext();
  return {
    KeyId: arnOf(key),
    Plaintext: plaintext.toString("base64"),
    EncryptionAlgorithm: encryptionAlgorithm,
  };
}

function generateDataKey(request: KmsRequest, ring: KeyRing): Record<string, unknown> {
  const key = symmetricKey(request, ring, request.text("KeyId"));
  const plaintext = randomBytes(dataKeyLength(request));
  const blob = sealBlob(key, plaintext, request.encryptionContext());
  return {
    KeyId: arnOf(key),
    Plaintext: plaintext.toString("base64"),
    CiphertextBlob: blob.toString("base64"),
  };
}

function dataKeyLength(request: KmsRequest): number {
  const count = request.optionalInteger("NumberOfBytes", 1, 1024);
  if ((count === undefined) === (request.optionalText("KeySpec") === undefined)) {
    throw new KmsFault("ValidationException", "Please specify either number of bytes or key spec.");
  }
  return count ?? (request.choice("KeySpec", ["AES_256", "AES_128"]) === "AES_256" ? 32 : 16);
}

function createAlias(request: KmsRequest, ring: KeyRing): Record<string, unknown> {
  ring.createAlias(request.text("AliasName"), request.text("TargetKeyId"));
  return {};
}

function listAliases(request: KmsRequest, ring: KeyRing): Record<string, unknown> {
  const target = request.optionalText("KeyId");
  const id = target === undefined ? undefined : ring.find(target).id;
  const marker = request.optionalText("Marker") ?? "";
  const limit = request.optionalInteger("Limit", 1, 1000) ?? 50;
  const rest = ring.aliases.filter(({ name, keyId }) => name > marker && (id === undefined || keyId === id));
  const page = rest.slice(0, limit);
  const truncated = rest.length > page.length;
  return {
    Aliases: page.map(({ name, keyId, createdAt }) => ({
      AliasName: name,
      AliasArn: kmsArn(name),
      TargetKeyId: keyId,
      CreationDate: createdAt / 1000,
      LastUpdatedDate: createdAt / 1000,
    })),
    Truncated: truncated,
    ...(truncated ? { NextMarker: page.at(-1)?.name } : {}),
  };
}

function signingKey(request: KmsRequest, ring: KeyRing): SigningKey {
  const key = ring.find(request.text("KeyId"));
  const algorithm = request.text("SigningAlgorithm");
  if (key.spec === "ECC_NIST_P256" && algorithm === signingAlgorithm) return key;
  throw wrongUsage(key, algorithm);
}

function symmetricKey(request: KmsRequest, ring: KeyRing, name: string): SymmetricKey {
  const key = ring.find(name);
  const algorithm = request.optionalText("EncryptionAlgorithm") ?? encryptionAlgorithm;
  if (key.spec === "SYMMETRIC_DEFAULT" && algorithm === encryptionAlgorithm) return key;
  throw wrongUsage(key, algorithm);
}

function keyOfBlob(ring: KeyRing, id: string): SymmetricKey {
  const key = ring.withId(id);
  if (key?.spec === "SYMMETRIC_DEFAULT") return key;
  // A blob that names no such key of this ring came from elsewhere or was altered.
  throw invalidCiphertext();
}

function wrongUsage(key: KmsKey, algorithm: string): KmsFault {
  const usage = usages[key.spec];
  return new KmsFault("InvalidKeyUsageException", `${arnOf(key)} is for ${usage}, not for ${algorithm}`);
}

function invalidCiphertext(): KmsFault {
  return new KmsFault("InvalidCiphertextException", "The ciphertext or its encryption context is not valid");
}

function arnOf(key: KmsKey): string {
  return kmsArn(`key/${key.id}`);
}

function metadata(key: KmsKey): Record<string, unknown> {
  const algorithms =
    key.spec === "ECC_NIST_P256"
      ? { SigningAlgorithms: [signingAlgorithm] }
      : { EncryptionAlgorithms: [encryptionAlgorithm] };
  return {
    AWSAccountId: kmsAccount,
    Arn: arnOf(key),
    CreationDate: key.createdAt / 1000,
    CustomerMasterKeySpec: key.spec,
    Description: key.description,
    Enabled: true,
    KeyId: key.id,
    KeyManager: "CUSTOMER",
    KeySpec: key.spec,
    KeyState: "Enabled",
    KeyUsage: usages[key.spec],
    MultiRegion: false,
    Origin: "AWS_KMS",
    ...algorithms,
  };
}
