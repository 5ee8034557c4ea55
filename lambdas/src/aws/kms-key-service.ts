/** The key service on AWS KMS: an asymmetric root that signs, a symmetric key that wraps data keys. */
import {
  DecryptCommand,
  GenerateDataKeyCommand,
  GetPublicKeyCommand,
  type KMSClient,
  SignCommand,
} from "@aws-sdk/client-kms";
import { rawSignature } from "@lepta/protocol";
import type { KeyService } from "../ports/kms.ts";

/** Key ids, ARNs or aliases. */
export interface KmsKeys {
  readonly rootKeyId: string;
  readonly wrappingKeyId: string;
}

/** A key service on this client. */
export function kmsKeyService(client: KMSClient, { rootKeyId, wrappingKeyId }: KmsKeys): KeyService {
  return {
    root: {
      publicKey: async () => {
        const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: rootKeyId }));
        return pointOf(given(PublicKey));
      },
      sign: async (data) => {
        const { Signature } = await client.send(
          new SignCommand({
            KeyId: rootKeyId,
            Message: data,
            MessageType: "RAW",
            SigningAlgorithm: "ECDSA_SHA_256",
          }),
        );
        return rawSignature(given(Signature));
      },
    },
    wrapper: {
      generate: async (context) => {
        const { Plaintext, CiphertextBlob } = await client.send(
          new GenerateDataKeyCommand({
            KeyId: wrappingKeyId,
            KeySpec: "AES_256",
            EncryptionContext: { ...context },
          }),
        );
        return { plain: given(Plaintext), wrapped: given(CiphertextBlob) };
      },
      unwrap: async (wrapped, context) => {
        const { Plaintext } = await client.send(
          new DecryptCommand({
            KeyId: wrappingKeyId,
            CiphertextBlob: wrapped,
            EncryptionContext: { ...context },
          }),
        );
        return given(Plaintext);
      },
    },
  };
}

const POINT_LENGTH = 65;

/** x and y from the DER of a P-256 public key: its uncompressed point stands last. */
function pointOf(spki: Uint8Array): { readonly x: Uint8Array; readonly y: Uint8Array } {
  const point = spki.subarray(-POINT_LENGTH);
  if (spki.length !== 91 || point[0] !== 4) throw new Error("the root key is not an ECC_NIST_P256 key");
  return { x: point.slice(1, 33), y: point.slice(33) };
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("KMS answered without what was asked for");
  return value;
}
