/**
 * A root key whose signatures are the same each time, and good ones: ECDSA on P-256 with a nonce that follows from the key and
 * from what is signed. The root is a key of the default suite whatever suite the peers have; what it signs stands in every
 * credential, and so in the names of sessions and lanes.
 */
import { createECDH, hash } from "node:crypto";
import type { Wiring } from "@lepta/lambdas";
import { concat, defaultSuite, type Random } from "@lepta/protocol";

type KeyService = Wiring["keyService"];

/** The same service with another root, drawn from `random`. */
export async function steadyRoot(service: KeyService, random: Random): Promise<KeyService> {
  const secret = await defaultSuite.createSigningKey(random);
  const point = pointOf(secret);
  return {
    ...service,
    root: {
      publicKey: async () => point,
      sign: async (data) => sign(secret, data),
    },
  };
}

/** Of P-256. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const LENGTH = 32;

function sign(secret: Uint8Array, data: Uint8Array): Uint8Array {
  const digest = new Uint8Array(hash("sha256", data, "buffer"));
  const nonce = numberOf(hash("sha256", concat(secret, digest), "buffer")) % ORDER;
  const r = numberOf(pointOf(bytesOf(nonce)).x) % ORDER;
  const s = (inverse(nonce) * (numberOf(digest) + r * numberOf(secret))) % ORDER;
  return concat(bytesOf(r), bytesOf(s));
}

/** The public half of a private key. */
function pointOf(secret: Uint8Array): { readonly x: Uint8Array; readonly y: Uint8Array } {
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(secret);
  const point = new Uint8Array(ecdh.getPublicKey());
  return { x: point.slice(1, 1 + LENGTH), y: point.slice(1 + LENGTH) };
}

const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);

const bytesOf = (number: bigint): Uint8Array =>
  new Uint8Array(Buffer.from(number.toString(16).padStart(2 * LENGTH, "0"), "hex"));

/** By Euclid: the other factor of 1. */
function inverse(number: bigint): bigint {
  let [a, b] = [number, ORDER];
  let [x, y] = [1n, 0n];
  while (b !== 0n) {
    const times = a / b;
    [a, b] = [b, a - times * b];
    [x, y] = [y, x - times * y];
  }
  return ((x % ORDER) + ORDER) % ORDER;
}
