/**
 * A suite with the default suite's shapes and none of its arithmetic, for tests that need a hundred thousand messages.
 * Keys, signatures and seals have the same COSE structure, algorithm numbers and lengths; what holds them together is
 * hash under private bytes that only the suite's own register can find by a public key. So nobody forges without the
 * private bytes, and every bit of a signature, a seal and a header counts, but a seal hides nothing from a reader.
 */
import { hash, timingSafeEqual } from "node:crypto";
import {
  algorithm,
  type Cbor,
  concat,
  decodeKey,
  encodeCbor,
  encodeP256,
  idBytes,
  isRefusal,
  type OpeningKey,
  type Or,
  type Random,
  refuse,
  type SealingKey,
  type SigningKey,
  type Suite,
  thumbprint,
  utf8,
  type VerifyingKey,
} from "@lepta/protocol";
import { encryptionData, layer, type Sealed, writeEncrypt } from "../../protocol/src/cose/encrypt.ts";
import { encodeX25519, readKey, x25519Map } from "../../protocol/src/cose/key.ts";
import { header } from "../../protocol/src/cose/labels.ts";
import { agreementKey } from "../../protocol/src/suite/x25519.ts";

/** A new register of keys and the suite on it: parties that are to understand each other take the same one. */
export function standInSuite(): Suite {
  /** Private bytes by the id of the public key: a public key that nobody here made is no point of the curve. */
  const register = new Map<string, Uint8Array>();

  const learn = (publicKey: Uint8Array, privateBytes: Uint8Array): string => {
    const id = thumbprint(publicKey);
    register.set(id, privateBytes.slice());
    return id;
  };

  const find = (publicKey: Uint8Array, type: "p256" | "x25519"): Or<{ id: string; secret: Uint8Array }> => {
    const parts = decodeKey(publicKey);
    if (isRefusal(parts)) return parts;
    if (parts.type !== type) return refuse("malformed", "a key of another kind");
    const id = thumbprint(publicKey);
    const secret = register.get(id);
    return secret === undefined ? refuse("malformed", "not a point of the curve") : { id, secret };
  };

  function signingKey(privateBytes: Uint8Array): SigningKey {
    if (!isScalar(privateBytes)) throw new TypeError("not a scalar of P-256");
    const publicKey = encodeP256(mac(privateBytes, "x"), mac(privateBytes, "y"));
    const id = learn(publicKey, privateBytes);
    return { alg: algorithm.es256, publicKey, id, sign: (data) => signatureOf(privateBytes, data) };
  }

  function verifyingKey(publicKey: Uint8Array): Or<VerifyingKey> {
    const found = find(publicKey, "p256");
    if (isRefusal(found)) return found;
    const verify = (data: Uint8Array, signature: Uint8Array) =>
      same(signatureOf(found.secret, data), signature);
    return { alg: algorithm.es256, publicKey, id: found.id, verify };
  }

  function openingKey(privateBytes: Uint8Array): OpeningKey {
    if (privateBytes.length !== 32) throw new TypeError("not a private key of X25519");
    // Sessions agree on their keys as everywhere: a real point, for a handshake that is real.
    const agreement = agreementKey(privateBytes);
    const publicKey = encodeX25519(agreement.publicKey);
    const id = learn(publicKey, privateBytes);
    const possession = (other: SealingKey, context: Uint8Array): Uint8Array => {
      const parts = decodeKey(other.publicKey);
      if (isRefusal(parts) || parts.type !== "x25519") throw new TypeError("not a sealing key of this suite");
      const theirs = find(other.publicKey, "x25519");
      // A point that nobody made shares no secret; an empty proof matches none.
      if (isRefusal(theirs)) return new Uint8Array(0);
      const [one, two] = id < theirs.id ? [privateBytes, theirs.secret] : [theirs.secret, privateBytes];
      return mac(mac(one, "possession", two), "context", context);
    };
    return {
      publicKey,
      id,
      agreement,
      authenticates: true,
      open: (sealed) => open(privateBytes, sealed),
      provePossession: possession,
      checkPossession: (prover, context, proof) => {
        const expected = possession(prover, context);
        return expected.length > 0 && same(expected, proof);
      },
    };
  }

  function sealingKey(publicKey: Uint8Array): Or<SealingKey> {
    const found = find(publicKey, "x25519");
    if (isRefusal(found)) return found;
    const { id, secret } = found;
    return { publicKey, id, seal: (type, plaintext, random) => seal(secret, id, type, plaintext, random) };
  }

  return {
    name: "default",
    createSigningKey: newScalar,
    createSealingKey: (random) => random(32),
    signingKey,
    openingKey,
    verifyingKey,
    sealingKey,
  };
}

const IV_LENGTH = 12;
const TAG_LENGTH = 16;
/** Of P-256, big-endian: scalars are 1 to this less one, as in the default suite. */
const ORDER = Buffer.from("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "hex");

function newScalar(random: Random): Uint8Array {
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const scalar = random(32);
    if (isScalar(scalar)) return scalar;
  }
  throw new Error("the source of randomness gives no P-256 scalar");
}

const isScalar = (bytes: Uint8Array): boolean =>
  bytes.length === 32 && bytes.some((byte) => byte !== 0) && Buffer.compare(bytes, ORDER) < 0;

/** As long as r and s of P-256 together. */
const signatureOf = (privateBytes: Uint8Array, data: Uint8Array): Uint8Array =>
  new Uint8Array(hash("sha512", concat(utf8("signature\0"), privateBytes, data), "buffer"));

function seal(
  secret: Uint8Array,
  kid: string,
  contentType: string,
  plaintext: Uint8Array,
  random: Random,
): Uint8Array {
  // As much randomness as the default suite draws, in the same order.
  const ephemeral = mac(random(32), "x");
  const iv = random(IV_LENGTH);
  const recipient = layer(
    new Map<number, Cbor>([
      [header.alg, algorithm.ecdhEsHkdf256],
      [header.kid, idBytes(kid)],
      [header.ephemeralKey, x25519Map(ephemeral)],
    ]),
    new Uint8Array(0),
    true,
  );
  const headers = new Map<number, Cbor>([
    [header.alg, algorithm.a256gcm],
    [header.contentType, contentType],
    [header.iv, iv],
  ]);
  const tag = tagOf(secret, recipient.protectedBytes, encryptionData(encodeCbor(headers), kid), plaintext);
  return writeEncrypt(layer(headers, concat(plaintext, tag), true), recipient);
}

function open(secret: Uint8Array, { body, recipient, kid }: Sealed): Or<Uint8Array> {
  const iv = body.protectedHeader.get(header.iv);
  const ephemeral = readKey(recipient.protectedHeader.get(header.ephemeralKey));
  const isOurs =
    body.unprotectedHeader.size === 0 &&
    body.protectedHeader.size === 3 &&
    body.protectedHeader.get(header.alg) === algorithm.a256gcm &&
    recipient.unprotectedHeader.size === 0 &&
    recipient.protectedHeader.size === 3 &&
    recipient.protectedHeader.get(header.alg) === algorithm.ecdhEsHkdf256 &&
    recipient.content.length === 0;
  if (!isOurs || isRefusal(ephemeral) || ephemeral.type !== "x25519") return refuse("malformed", "headers");
  if (!(iv instanceof Uint8Array) || iv.length !== IV_LENGTH || body.content.length < TAG_LENGTH)
    return refuse("malformed", "headers");
  const border = body.content.length - TAG_LENGTH;
  const plaintext = body.content.slice(0, border);
  const tag = tagOf(secret, recipient.protectedBytes, encryptionData(body.protectedBytes, kid), plaintext);
  return same(tag, body.content.subarray(border)) ? plaintext : refuse("unauthentic");
}

const tagOf = (
  secret: Uint8Array,
  recipient: Uint8Array,
  data: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array => mac(mac(secret, "seal", recipient), "content", data, plaintext).subarray(0, TAG_LENGTH);

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b);

/** SHA-256 under a key of fixed length for one purpose, over the lengths and bytes of the parts: 32 bytes. */
function mac(key: Uint8Array, purpose: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const lengths = utf8(`${purpose}\0${key.length}\0${parts.map(({ length }) => length).join("\0")}\0`);
  // One call of `hash` costs a tenth of what a keyed MAC does on Node 24, and nobody here extends a hash.
  return new Uint8Array(hash("sha256", concat(lengths, key, ...parts), "buffer"));
}
