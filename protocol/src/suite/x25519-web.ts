/** X25519 on WebCrypto. */
import { fromText } from "../bytes.ts";
import { isRefusal, type Or, refuse } from "../errors.ts";
import { x25519Pkcs8 } from "./der.ts";
import type { AgreementKey } from "./suite.ts";
import { isOperationError, source } from "./webcrypto.ts";

const LENGTH = 32;

/** The private key of 32 bytes. */
export const importX25519 = (privateBytes: Uint8Array, isExtractable = true): Promise<CryptoKey> =>
  crypto.subtle.importKey("pkcs8", x25519Pkcs8(privateBytes), "X25519", isExtractable, ["deriveBits"]);

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

/** The key of 32 private bytes. */
export async function agreementKey(privateBytes: Uint8Array): Promise<AgreementKey> {
  const key = await importX25519(privateBytes);
  return agreementOf(key, await publicX25519(key));
}

/** A key that is imported already, and the 32 bytes of its public half. */
export const agreementOf = (key: CryptoKey, publicKey: Uint8Array): AgreementKey => ({
  publicKey,
  agree: async (theirs) => {
    const point = await importPoint(theirs);
    return isRefusal(point) ? point : shared(key, point);
  },
});
