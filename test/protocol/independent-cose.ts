/**
 * COSE as the RFCs say it, on cborg and WebCrypto alone: nothing here comes from the protocol package, so that what both
 * understand is the standard and not a common mistake.
 */
import * as cborg from "cborg";

type Bytes = Uint8Array<ArrayBuffer>;

const { subtle } = globalThis.crypto;

const EXTERNAL = "lepta/1";
const SIGN1 = 18;
const ENCRYPT = 96;

const ALG = 1;
const CONTENT_TYPE = 3;
const KID = 4;
const IV = 5;
const EPHEMERAL_KEY = -1;

const ES256 = -7;
const ECDH_ES_HKDF_256 = -25;
const A256GCM = 3;

export interface Beside {
  readonly secrets?: readonly unknown[];
  readonly attachments?: readonly Uint8Array[];
}

export interface Letter extends Beside {
  readonly contentType: string;
  readonly recipientKid: Uint8Array;
  readonly signed: Uint8Array;
  /** Bytes of the plaintext with its padding. */
  readonly paddedLength: number;
}

/** RFC 9679: SHA-256 over the required parameters of a COSE_Key in deterministic encoding. */
export async function thumbprint(key: ReadonlyMap<number, unknown>): Promise<Uint8Array> {
  const required = key.get(1) === 2 ? [1, -1, -2, -3] : [1, -1, -2];
  return sha256(encode(new Map(required.map((label) => [label, key.get(label)]))));
}

export const decodeMap = (bytes: Uint8Array): ReadonlyMap<number, unknown> => decode(bytes);

/** RFC 9052 section 4.4: a COSE_Sign1 with ES256. `scalar` is the P-256 private key. */
export async function sign(
  payload: Uint8Array,
  headers: { readonly contentType: string; readonly kid: Uint8Array },
  { scalar, x, y }: { readonly scalar: Uint8Array; readonly x: Uint8Array; readonly y: Uint8Array },
): Promise<Uint8Array> {
  const protectedHeader = encode(
    new Map<number, unknown>([
      [ALG, ES256],
      [CONTENT_TYPE, headers.contentType],
      [KID, headers.kid],
    ]),
  );
  const key = await subtle.importKey(
    "jwk",
    { kty: "EC", crv: "P-256", d: base64url(scalar), x: base64url(x), y: base64url(y) },
    { name: "ECDSA", namedCurve: "P-256" },
    false,
    ["sign"],
  );
  const data = encode(["Signature1", protectedHeader, utf8(EXTERNAL), payload]);
  const signature = await subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, data);
  return encode(new cborg.Tagged(SIGN1, [protectedHeader, new Map(), payload, new Uint8Array(signature)]));
}

/** The payload of a COSE_Sign1 whose signature holds under this COSE_Key. */
export async function verify(signed: Uint8Array, coseKey: Uint8Array): Promise<Uint8Array | undefined> {
  const { tag, value } = decode<cborg.Tagged>(signed);
  const [protectedHeader, , payload, signature] = value as readonly Uint8Array[];
  if (tag !== SIGN1 || !protectedHeader || !payload || !signature) return undefined;
  if (decodeMap(protectedHeader).get(ALG) !== ES256) return undefined;
  const map = decodeMap(coseKey);
  const key = await subtle.importKey(
    "jwk",
    { kty: "EC", crv: "P-256", x: base64url(map.get(-2)), y: base64url(map.get(-3)) },
    { name: "ECDSA", namedCurve: "P-256" },
    false,
    ["verify"],
  );
  const data = encode(["Signature1", protectedHeader, utf8(EXTERNAL), payload]);
  const holds = await subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, own(signature), data);
  return holds ? payload : undefined;
}

/** RFC 9052 section 5.3: opens a COSE_Encrypt with one ECDH-ES recipient, and takes the padding off. */
export async function open(sealed: Uint8Array, privateKey: Uint8Array): Promise<Letter> {
  const { tag, value } = decode<cborg.Tagged>(sealed);
  const [bodyProtected, bodyUnprotected, ciphertext, recipients] = value as [
    Uint8Array,
    ReadonlyMap<number, unknown>,
    Uint8Array,
    readonly [readonly [Uint8Array, ReadonlyMap<number, unknown>, Uint8Array]],
  ];
  const [[recipientProtected, recipientUnprotected, wrapped]] = recipients;
  if (tag !== ENCRYPT || recipients.length !== 1 || wrapped.length !== 0)
    throw new Error("another container");
  if (bodyUnprotected.size + recipientUnprotected.size !== 0) throw new Error("unprotected headers");
  const body = decodeMap(bodyProtected);
  const recipient = decodeMap(recipientProtected);
  if (body.get(ALG) !== A256GCM || recipient.get(ALG) !== ECDH_ES_HKDF_256)
    throw new Error("another algorithm");
  const ephemeral = recipient.get(EPHEMERAL_KEY) as ReadonlyMap<number, Uint8Array>;
  const kid = recipient.get(KID) as Uint8Array;
  const key = await contentKey(privateKey, ephemeral.get(-2), recipientProtected, "decrypt");
  const plaintext = await subtle.decrypt(
    {
      name: "AES-GCM",
      iv: own(body.get(IV) as Uint8Array),
      additionalData: encode(["Encrypt", bodyProtected, join(utf8(EXTERNAL), kid)]),
    },
    key,
    own(ciphertext),
  );
  const padded = new Uint8Array(plaintext);
  const content = decodeMap(padded.subarray(0, padded.lastIndexOf(0x80)));
  const secrets = content.get(2) as readonly unknown[] | undefined;
  const attachments = content.get(3) as readonly Uint8Array[] | undefined;
  return {
    contentType: body.get(CONTENT_TYPE) as string,
    recipientKid: kid,
    signed: content.get(1) as Uint8Array,
    paddedLength: padded.length,
    ...(secrets ? { secrets } : {}),
    ...(attachments ? { attachments } : {}),
  };
}

/** RFC 9052 section 5.3: the same the other way; `x` is the recipient's X25519 public key. */
export async function seal(
  signed: Uint8Array,
  contentType: string,
  recipient: { readonly x: Uint8Array; readonly kid: Uint8Array },
  secret: { readonly ephemeral: Uint8Array; readonly iv: Uint8Array },
  beside: Beside = {},
): Promise<Uint8Array> {
  const recipientProtected = encode(
    new Map<number, unknown>([
      [ALG, ECDH_ES_HKDF_256],
      [KID, recipient.kid],
      [
        EPHEMERAL_KEY,
        new Map<number, unknown>([
          [1, 1],
          [-1, 4],
          [-2, await publicOf(secret.ephemeral)],
        ]),
      ],
    ]),
  );
  const bodyProtected = encode(
    new Map<number, unknown>([
      [ALG, A256GCM],
      [CONTENT_TYPE, contentType],
      [IV, secret.iv],
    ]),
  );
  const content = new Map<number, unknown>([[1, signed]]);
  if (beside.secrets) content.set(2, beside.secrets);
  if (beside.attachments) content.set(3, beside.attachments);
  const bare = encode(content);
  // What goes to the customer through its merchant has one length, whatever it holds.
  const isChange = contentType.includes("brokerscrip-change") || contentType.includes("refund-change");
  const step = isChange ? 8192 : 256;
  const padded = new Uint8Array(Math.ceil((bare.length + 1) / step) * step);
  padded.set(bare);
  padded[bare.length] = 0x80;
  const key = await contentKey(secret.ephemeral, recipient.x, recipientProtected, "encrypt");
  const ciphertext = await subtle.encrypt(
    {
      name: "AES-GCM",
      iv: own(secret.iv),
      additionalData: encode(["Encrypt", bodyProtected, join(utf8(EXTERNAL), recipient.kid)]),
    },
    key,
    padded,
  );
  return encode(
    new cborg.Tagged(ENCRYPT, [
      bodyProtected,
      new Map(),
      new Uint8Array(ciphertext),
      [[recipientProtected, new Map(), new Uint8Array(0)]],
    ]),
  );
}

/** RFC 9053 sections 5.1, 5.2 and 6.3: X25519, then HKDF-SHA256 over the context. */
async function contentKey(
  privateKey: Uint8Array,
  publicKey: Uint8Array | undefined,
  recipientProtected: Uint8Array,
  use: "encrypt" | "decrypt",
): Promise<CryptoKey> {
  const nobody = [null, null, null];
  const context = encode([A256GCM, nobody, nobody, [256, recipientProtected]]);
  const theirs = await subtle.importKey("raw", own(publicKey ?? new Uint8Array(0)), "X25519", true, []);
  const secret = await subtle.deriveBits(
    { name: "X25519", public: theirs },
    await importPrivate(privateKey),
    256,
  );
  return subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: context },
    await subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]),
    { name: "AES-GCM", length: 256 },
    false,
    [use],
  );
}

/** The public key: the private one times the base point. */
async function publicOf(privateKey: Uint8Array): Promise<Uint8Array> {
  const base = new Uint8Array(32);
  base[0] = 9;
  const point = await subtle.importKey("raw", base, "X25519", true, []);
  return new Uint8Array(
    await subtle.deriveBits({ name: "X25519", public: point }, await importPrivate(privateKey), 256),
  );
}

/** RFC 8410: the DER of a PKCS #8 X25519 private key is these bytes and the key's own. */
const importPrivate = (privateKey: Uint8Array): Promise<CryptoKey> =>
  subtle.importKey(
    "pkcs8",
    join(Uint8Array.from(Buffer.from("302e020100300506032b656e04220420", "hex")), privateKey),
    "X25519",
    false,
    ["deriveBits"],
  );

const encode = (value: unknown): Bytes => own(cborg.encode(value, cborg.rfc8949EncodeOptions));

const decode = <T = ReadonlyMap<number, unknown>>(bytes: Uint8Array): T =>
  cborg.decode(bytes, {
    useMaps: true,
    strict: true,
    allowIndefinite: false,
    rejectDuplicateMapKeys: true,
    tags: cborg.Tagged.preserve(SIGN1, ENCRYPT),
  });

export const sha256 = async (bytes: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await subtle.digest("SHA-256", own(bytes)));

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const join = (...parts: readonly Uint8Array[]): Bytes => Uint8Array.from(parts.flatMap((part) => [...part]));
const own = (bytes: Uint8Array): Bytes => Uint8Array.from(bytes);
const base64url = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString("base64url");
