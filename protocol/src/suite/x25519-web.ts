/** X25519 on WebCrypto. */
import { fromText } from "../bytes.ts";
import { isRefusal, type Or, refuse } from "../errors.ts";
import { x25519Pkcs8 } from "./der.ts";
import type { AgreementKey } from "./suite.ts";
import { isOperationError, source } from "./webcrypto.ts";

const LENGTH = 32;

/** The private key of 32 bytes. */
export const importX25519 = (privateBytes: Uint8Array): Promise<CryptoKey> =>
  crypto.subtle.importKey("pkcs8", x25519Pkcs8(privateBytes), "X25519", true, ["deriveBits"]);

/** The 32 bytes of its public half. */
export async function publicX25519(key: CryptoKey): Promise<Uint8Array> {
  const { x = "" } = await crypto.subtle.exportKey("jwk", key);
  const point = fromText(x, LENGTH);
  if (point === undefined) throw new Error("WebCrypto gives no public key of X25519");
  return point;
}

/** The public key of 32 bytes, whatever they are worth; `malformed` where there are not 32. */
export async function importPoint(point: Uint8Array): Promise<Or<CryptoKey>> {
  if (point.length !== LENGTH) return refuse("malformed", "not a point of the curve");
  return crypto.subtle.importKey("raw", source(point), "X25519", true, []);
}

/** What the two keys share; `malformed` where the point is of low order: then everybody shares it. */
export async function shared(
  privateKey: CryptoKey,
  publicKey: CryptoKey,
): Promise<Or<Uint8Array<ArrayBuffer>>> {
  try {
    const secret = await crypto.subtle.deriveBits(
      { name: "X25519", public: publicKey },
      privateKey,
      8 * LENGTH,
    );
    return new Uint8Array(secret);
  } catch (error) {
    if (isOperationError(error)) return refuse("malformed", "a point of low order");
    throw error;
  }
}

/** The key of 32 private bytes, or one that is imported already. */
export async function agreementKey(privateKey: Uint8Array | CryptoKey): Promise<AgreementKey> {
  const key = privateKey instanceof Uint8Array ? await importX25519(privateKey) : privateKey;
  return {
    publicKey: await publicX25519(key),
    agree: async (theirs) => {
      const point = await importPoint(theirs);
      return isRefusal(point) ? point : shared(key, point);
    },
  };
}
