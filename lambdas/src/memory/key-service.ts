/** A key service in memory, for tests and the simulator: the same contract as KMS. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { concat, decodeKey, defaultSuite, isRefusal, type Random, utf8 } from "@lepta/protocol";
import type { KeyService, WrappingContext } from "../ports/kms.ts";

/** A new root and a new wrapping key, drawn from `random`. */
export async function memoryKeyService(random: Random): Promise<KeyService> {
  const root = await defaultSuite.signingKey(await defaultSuite.createSigningKey(random));
  const wrappingKey = random(32);
  return {
    root: {
      publicKey: async () => {
        const key = decodeKey(root.publicKey);
        if (isRefusal(key) || key.type !== "p256") throw new Error("the root is a P-256 key");
        return { x: key.x, y: key.y };
      },
      sign: async (data) => root.sign(data),
    },
    wrapper: {
      generate: async (context) => {
        const plain = random(32);
        const iv = new Uint8Array(randomBytes(12));
        const cipher = createCipheriv("aes-256-gcm", wrappingKey, iv).setAAD(spell(context));
        return { plain, wrapped: concat(iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()) };
      },
      unwrap: async (wrapped, context) => {
        const decipher = createDecipheriv("aes-256-gcm", wrappingKey, wrapped.subarray(0, 12)).setAAD(
          spell(context),
        );
        decipher.setAuthTag(wrapped.subarray(-16));
        return concat(decipher.update(wrapped.subarray(12, -16)), decipher.final());
      },
    },
  };
}

const spell = (context: WrappingContext): Uint8Array => utf8(JSON.stringify(Object.entries(context).sort()));
