import {
  type Cbor,
  concat,
  type Draft,
  decodeAs,
  decodeCbor,
  decodeKey,
  decodePayload,
  encodeAs,
  encodeCbor,
  encodeP256,
  encodePayload,
  entryDigest,
  type MessageType,
  messages,
  type Or,
  orThrow,
  type Payload,
  readEncrypt,
  readRootKey,
  readSign1,
} from "@lepta/protocol";
import { afterAll, describe, expect, test } from "vitest";
import { decodeFrame, encodeFrame } from "../../peer-sdk/src/channel/frame.ts";
import { writeEncrypt } from "../../protocol/src/cose/encrypt.ts";
import { encodeRsa, encodeX25519, type PublicKey } from "../../protocol/src/cose/key.ts";
import { customer, fixed } from "../vectors/parties.ts";
import { fromHex } from "../vectors/vector.ts";
import { kept, vectorOf } from "./support/corpus.ts";
import { assault, type Decoder, STEPS_BESIDES, STEPS_PER_BYTE } from "./support/decoder.ts";
import { SEED } from "./support/random.ts";
import { structures } from "./support/structures.ts";
import { Tallies } from "./support/tallies.ts";

const vectors = messages.map((type) => ({ type, vector: vectorOf(type) }));
/** Messages as they travel: sealed, or as they were signed. */
const travelling = vectors.map(({ vector }) => fromHex(vector.good.hex));
const sealed = travelling.filter((bytes) => bytes[0] === 0xd8);
const signed = travelling.filter((bytes) => bytes[0] === 0xd2);
const payloads = vectors.map(({ vector }) => fromHex(vector.good.payloadHex));

const decoder = <T>(
  name: string,
  seeds: readonly Uint8Array[],
  decode: (bytes: Uint8Array) => Or<T>,
  encode: (value: T) => Uint8Array | undefined,
  codes: Decoder["codes"] = ["malformed"],
): Decoder => ({ name, seeds, decode, encode: encode as (value: unknown) => Uint8Array | undefined, codes });

const payloadDecoders = vectors.map(({ type, vector }) =>
  decoder<Payload<MessageType>>(
    type.name,
    [fromHex(vector.good.payloadHex)],
    (bytes) => decodePayload(type, bytes),
    (payload) => encodePayload(type, payload as Draft<MessageType>),
    ["malformed", "too-large"],
  ),
);

/** Words and numbers are fuzzed inside the structures that they are parts of. */
const whole = structures.filter(({ seeds: [first = new Uint8Array(1)] }) =>
  [4, 5].includes((first[0] ?? 0) >> 5),
);

const structureDecoders = whole.map(({ name, codec, seeds }) =>
  decoder(
    name,
    seeds,
    (bytes) => decodeAs(codec, bytes),
    (value) => encodeAs(codec, value),
  ),
);

const keyLists = structures.find(({ name }) => name === "brokerKeysCodec")?.seeds ?? [];

const containers = [
  decoder<Cbor>("CBOR", [...payloads.slice(0, 12), ...sealed.slice(0, 2)], decodeCbor, encodeCbor),
  decoder("COSE_Sign1", signed, readSign1, ({ toBeSigned, payload, signature }) => {
    const [, head = null] = orThrow(decodeCbor(toBeSigned)) as readonly Cbor[];
    return concat(fromHex("d2"), encodeCbor([head, new Map(), payload, signature]));
  }),
  decoder("COSE_Encrypt", sealed.slice(0, 8), readEncrypt, ({ body, recipient }) =>
    writeEncrypt(body, recipient),
  ),
  decoder(
    "COSE_Key",
    [
      customer.signing.publicKey,
      customer.opening.publicKey,
      encodeRsa(new Uint8Array(128).fill(9), new Uint8Array([1, 0, 1])),
    ],
    decodeKey,
    encodeKey,
  ),
  decoder(
    "a frame",
    [
      encodeFrame({ id: 7, messages: [fixed("one", 100), fixed("two", 50)] }),
      encodeFrame({ id: 0, messages: Array.from({ length: 64 }, (_, i) => fixed(`${i}`)) }),
    ],
    decodeFrame,
    encodeFrame,
    ["malformed", "too-large"],
  ),
  decoder("the root key of a list of keys", keyLists, readRootKey, () => undefined),
  decoder("an entry of a batch", signed.slice(0, 6), entryDigest, () => undefined),
];

const tallies = new Tallies();
afterAll(() => tallies.end());

test("every exported codec has a good value to begin with", () => {
  expect(structures.filter(({ seeds }) => seeds.length === 0).map(({ name }) => name)).toEqual([]);
});

describe.each([
  ["a container", containers],
  ["a structure", structureDecoders],
  ["a payload", payloadDecoders],
] as const)(
  `%s that was damaged is refused by name or says exactly what its bytes say, in at most ${STEPS_PER_BYTE} steps a byte and ${STEPS_BESIDES}, and leaves nothing behind (seed ${SEED}):`,
  (_, decoders) => {
    test.each(decoders)("$name", async (each) => {
      await tallies.add(each.name, () => assault(each, kept));
    });
  },
);

function encodeKey(key: PublicKey): Uint8Array {
  if (key.type === "p256") return encodeP256(key.x, key.y);
  return key.type === "x25519" ? encodeX25519(key.x) : encodeRsa(key.n, key.e);
}
