/** The default suite on WebCrypto, for browsers: the same keys, signatures and seals as on node:crypto. */
import { concat, equalBytes, fromText } from "../bytes.ts";
import type { Sealed } from "../cose/encrypt.ts";
import { encodeP256, encodeX25519, thumbprint } from "../cose/key.ts";
import { algorithm } from "../cose/labels.ts";
import { isRefusal, type Or, refuse } from "../errors.ts";
import { hmacSha256 } from "../hash.ts";
import {
  IV_LENGTH,
  isScalar,
  newScalar,
  newSeal,
  POSSESSION,
  p256Of,
  pointOf,
  readSeal,
  type SealParts,
  x25519Of,
} from "./default-format.ts";
import { p256Pkcs8 } from "./der.ts";
import type { KeyHandle, OpeningKey, Random, SealingKey, SigningKey, Suite, VerifyingKey } from "./suite.ts";
import { isOperationError, source } from "./webcrypto.ts";
import { agreementOf, importPoint, importX25519, publicX25519, shared } from "./x25519-web.ts";

export const defaultSuite: Suite = {
  name: "default",
  createSigningKey: newScalar,
  createSealingKey: (random) => random(32),
  signingKey,
  openingKey,
  verifyingKey,
  sealingKey,
  handles: {
    importSigning: (privateBytes) => importSigning(privateBytes, false),
    importOpening: (privateBytes) => importOpening(privateBytes, false),
    signingKey: signingKeyOf,
    openingKey: openingKeyOf,
  },
};

const EMPTY = new Uint8Array(0);
const P256 = { name: "ECDSA", namedCurve: "P-256" };
const ES256 = { name: "ECDSA", hash: "SHA-256" };

async function signingKey(privateBytes: Uint8Array): Promise<SigningKey> {
  return signingKeyOf(await importSigning(privateBytes, true));
}

/** The object of a scalar; only one that may be exported shows its scalar. */
async function importSigning(privateBytes: Uint8Array, isExtractable: boolean): Promise<KeyHandle> {
  if (!isScalar(privateBytes)) throw new TypeError("not a scalar of P-256");
  const pkcs8 = p256Pkcs8(privateBytes);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, P256, true, ["sign"]);
  // The library has found the public half: none of the private bytes leave it but for this.
  const jwk = await crypto.subtle.exportKey("jwk", key);
  const [x, y] = [fromText(jwk.x ?? "", 32), fromText(jwk.y ?? "", 32)];
  if (x === undefined || y === undefined) throw new Error("WebCrypto gives no public key of P-256");
  const publicKey = encodeP256(x, y);
  if (isExtractable) return { key, publicKey };
  return { key: await crypto.subtle.importKey("pkcs8", pkcs8, P256, false, ["sign"]), publicKey };
}

function signingKeyOf({ key, publicKey }: KeyHandle): SigningKey {
  if (!key.usages.includes("sign") || isRefusal(p256Of(publicKey))) throw new TypeError("not a signing key");
  const sign = async (data: Uint8Array) => new Uint8Array(await crypto.subtle.sign(ES256, key, source(data)));
  return { alg: algorithm.es256, publicKey, id: thumbprint(publicKey), sign };
}

async function verifyingKey(publicKey: Uint8Array): Promise<Or<VerifyingKey>> {
  const parts = p256Of(publicKey);
  if (isRefusal(parts)) return parts;
  const key = await importP256(parts.x, parts.y);
  if (isRefusal(key)) return key;
  return {
    alg: algorithm.es256,
    publicKey,
    id: thumbprint(publicKey),
    verify: async (data, signature) =>
      signature.length === 64 && crypto.subtle.verify(ES256, key, source(signature), source(data)),
  };
}

async function sealingKey(publicKey: Uint8Array): Promise<Or<SealingKey>> {
  const point = x25519Of(publicKey);
  if (isRefusal(point)) return point;
  const key = await importPoint(point);
  if (isRefusal(key)) return key;
  // With a point of low order every agreement fails, whoever tries.
  const probe = await shared(await importX25519(new Uint8Array(32)), key);
  if (isRefusal(probe)) return probe;
  const id = thumbprint(publicKey);
  return {
    publicKey,
    id,
    seal: (contentType, plaintext, random) => seal(key, id, contentType, plaintext, random),
  };
}

async function openingKey(privateBytes: Uint8Array): Promise<OpeningKey> {
  return openingKeyOf(await importOpening(privateBytes, true));
}

async function importOpening(privateBytes: Uint8Array, isExtractable: boolean): Promise<KeyHandle> {
  const key = await importX25519(privateBytes);
  const publicKey = encodeX25519(await publicX25519(key));
  return { key: isExtractable ? key : await importX25519(privateBytes, false), publicKey };
}

function openingKeyOf({ key, publicKey }: KeyHandle): OpeningKey {
  const point = x25519Of(publicKey);
  if (!key.usages.includes("deriveBits") || isRefusal(point)) throw new TypeError("not an opening key");
  const agreement = agreementOf(key, point);
  return {
    publicKey,
    id: thumbprint(publicKey),
    agreement,
    authenticates: true,
    open: (sealed) => open(key, sealed),
    provePossession: (verifier, context) => possession(key, verifier, context),
    checkPossession: async (prover, context, proof) => {
      const expected = await possession(key, prover, context);
      return expected.length > 0 && equalBytes(expected, proof);
    },
  };
}

async function seal(
  key: CryptoKey,
  kid: string,
  contentType: string,
  plaintext: Uint8Array,
  random: Random,
): Promise<Uint8Array> {
  const [privateBytes, iv] = [random(32), random(IV_LENGTH)];
  const ephemeral = await importX25519(privateBytes);
  const { finish, ...parts } = newSeal(kid, contentType, await publicX25519(ephemeral), iv);
  const secret = await shared(ephemeral, key);
  if (isRefusal(secret)) throw new Error("a sealing key that was checked does not agree");
  const cipher = await contentKey(secret, parts, "encrypt");
  return finish(new Uint8Array(await crypto.subtle.encrypt(gcm(parts), cipher, source(plaintext))));
}

async function open(key: CryptoKey, sealed: Sealed): Promise<Or<Uint8Array>> {
  const parts = readSeal(sealed);
  if (isRefusal(parts)) return parts;
  const sender = await importPoint(parts.ephemeral);
  if (isRefusal(sender)) return sender;
  const secret = await shared(key, sender);
  // A point of low order, or below a tag that does not match: the sender's fault either way.
  if (isRefusal(secret)) return refuse("unauthentic");
  const cipher = await contentKey(secret, parts, "decrypt");
  try {
    return new Uint8Array(await crypto.subtle.decrypt(gcm(parts), cipher, source(parts.content)));
  } catch (error) {
    if (isOperationError(error)) return refuse("unauthentic");
    throw error;
  }
}

const gcm = ({ iv, bound }: SealParts) => ({
  name: "AES-GCM",
  iv: source(iv),
  additionalData: source(bound),
});

/** ECDH-ES with HKDF-256. */
async function contentKey(
  secret: Uint8Array<ArrayBuffer>,
  { context }: SealParts,
  use: "encrypt" | "decrypt",
): Promise<CryptoKey> {
  const master = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  return crypto.subtle.deriveKey(hkdf(context), master, { name: "AES-GCM", length: 256 }, false, [use]);
}

const hkdf = (info: Uint8Array) => ({
  name: "HKDF",
  hash: "SHA-256",
  salt: EMPTY,
  info: source(info),
});

/** Static Diffie–Hellman proof of possession, after RFC 6955: a MAC under the secret that both keys share. */
async function possession(ours: CryptoKey, theirs: SealingKey, context: Uint8Array): Promise<Uint8Array> {
  const key = await importPoint(pointOf(theirs));
  const secret = isRefusal(key) ? key : await shared(ours, key);
  // A point of low order shares no secret; an empty proof matches none.
  if (isRefusal(secret)) return EMPTY;
  const master = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  return hmacSha256(new Uint8Array(await crypto.subtle.deriveBits(hkdf(POSSESSION), master, 256)), context);
}

async function importP256(x: Uint8Array, y: Uint8Array): Promise<Or<CryptoKey>> {
  try {
    return await crypto.subtle.importKey("raw", concat(Uint8Array.of(4), x, y), P256, true, ["verify"]);
  } catch (error) {
    if (error instanceof DOMException && error.name === "DataError")
      return refuse("malformed", "not a point of the curve");
    throw error;
  }
}
