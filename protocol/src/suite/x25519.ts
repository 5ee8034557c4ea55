/** X25519 on node:crypto. */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { isRefusal, type Or, refuse } from "../errors.ts";
import { x25519Pkcs8 } from "./der.ts";
import type { AgreementKey } from "./suite.ts";

const LENGTH = 32;

/** The private key of 32 bytes. */
export const importX25519 = (privateBytes: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(x25519Pkcs8(privateBytes)), format: "der", type: "pkcs8" });

/** The 32 bytes of its public half. */
export function publicX25519(key: KeyObject): Uint8Array {
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return new Uint8Array(Buffer.from(x ?? "", "base64url"));
}

/** The public key of 32 bytes, whatever they are worth; `malformed` where there are not 32. */
export function importPoint(point: Uint8Array): Or<KeyObject> {
  if (point.length !== LENGTH) return refuse("malformed", "not a point of the curve");
  const x = Buffer.from(point).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
}

/** What the two keys share; `malformed` where the point is of low order: then everybody shares it. */
export function shared(privateKey: KeyObject, publicKey: KeyObject): Or<Uint8Array> {
  try {
    return diffieHellman({ privateKey, publicKey });
  } catch {
    return refuse("malformed", "a point of low order");
  }
}

/** The key of 32 private bytes, or one that is imported already. */
export function agreementKey(privateKey: Uint8Array | KeyObject): AgreementKey {
  const key = privateKey instanceof Uint8Array ? importX25519(privateKey) : privateKey;
  return {
    publicKey: publicX25519(key),
    agree: (theirs) => {
      const point = importPoint(theirs);
      return isRefusal(point) ? point : shared(key, point);
    },
  };
}
