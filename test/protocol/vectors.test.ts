import { readdirSync, readFileSync } from "node:fs";
import {
  type Awaitable,
  decodePayload,
  defaultSuite,
  digestOf,
  encodePayload,
  isRefusal,
  type MessageType,
  messages,
  type OpenedOf,
  type Or,
  orThrow,
  readMessage,
  verifyMessage,
} from "@lepta/protocol";
import { decode } from "cborg";
import { describe, expect, test } from "vitest";
import { type Made, samples } from "../vectors/samples.ts";
import {
  type Example,
  exampleOf,
  fromHex,
  hex,
  type Judge,
  makeJudge,
  typeOf,
  type Vector,
} from "../vectors/vector.ts";

const directory = new URL("../vectors/", import.meta.url);
const vectors: readonly Vector[] = readdirSync(directory)
  // What stands in headers of HTTP is no message: it has a test of its own.
  .filter((file) => file.endsWith(".json") && file !== "http.json")
  .map((file) => JSON.parse(readFileSync(new URL(file, directory), "utf8")));

const vectorOf = (name: string): Vector => {
  const vector = vectors.find((each) => each.name === name);
  if (vector === undefined) throw new TypeError(`no vector is named ${name}`);
  return vector;
};

test("every type of message has a vector, and every vector a type of message", () => {
  expect(vectors.map((each) => each.mediaType).sort()).toEqual(messages.map((each) => each.mediaType).sort());
  expect(vectors).toHaveLength(45);
});

test("samples are encoded today to the very payloads that were frozen", async () => {
  const made: Made = (type) => examples.get(type.name) ?? expect.unreachable(`${type.name} comes later`);
  const examples = new Map<string, Example>();
  for (const { type, draft } of samples) {
    const vector = vectorOf(type.name);
    expect(hex(encodePayload(type, await draft(made))), type.name).toBe(vector.good.payloadHex);
    examples.set(type.name, await exampleOf(vector));
  }
});

describe.each(vectors)("the vector of $name", (vector) => {
  const type = typeOf(vector);
  const payloadBytes = fromHex(vector.good.payloadHex);

  test("has a good message that opens and verifies and is encoded again to the same payload", async () => {
    const { judge } = await makeJudge(vector);
    const message = orThrow(await judge(fromHex(vector.good.hex)));
    expect(message.stage).toBe("verified");
    expect(message.digest).toBe(vector.good.digest);
    expect(hex(message.sign1.payload)).toBe(vector.good.payloadHex);
    expect(digestOf(payloadBytes)).toBe(vector.good.digest);
    expect(message.payload).toEqual(orThrow(decodePayload(type, payloadBytes)));
    expect(hex(encodePayload(type, message.payload))).toBe(vector.good.payloadHex);
  });

  test("has a payload that another CBOR implementation reads the same way", () => {
    const fields = decode(payloadBytes, { useMaps: true, strict: true, allowIndefinite: false });
    const payload = orThrow(decodePayload(type, payloadBytes));
    expect(fields).toBeInstanceOf(Map);
    expect(fields.get(1)).toBe(1);
    expect(toBase64url(fields.get(2))).toBe(vector.network);
    expect(fields.get(3)).toBe(vector.name);
    expect(toBase64url(fields.get(4))).toBe(vector.from);
    expect(toBase64url(fields.get(5))).toBe(vector.to);
    expect(toBase64url(fields.get(6))).toBe(payload.txn);
    expect(fields.get(7)).toBe(payload.issuedAt);
    expect(fields.has(8)).toBe(vector.kind === "request");
  });

  test.each(vector.bad)("refuses what is $description, as $code", async ({ hex: bytes, code }) => {
    const { judge } = await makeJudge(vector);
    expect(await judge(fromHex(bytes))).toMatchObject({ code });
  });
});

test("every vector has a bad message of each of the five kinds", () => {
  const kinds = ["wrong recipient", "wrong signer", "stale", "altered", "wrong reference"];
  for (const { name, bad } of vectors)
    expect(
      bad.map(({ description }) => description.split(":")[0]),
      name,
    ).toEqual(kinds);
});

test("a statement is one payload under two signatures, the merchant's and the customer's", async () => {
  const vector = vectorOf("statement");
  const { keys, good, from, to, network, now } = vector;
  const counterSigned = fromHex(good.counterSignedHex ?? "");
  const opened = orThrow(readMessage(counterSigned, [typeOf(vector)]));
  const key = orThrow(await defaultSuite.verifyingKey(fromHex(keys.counterSigner?.publicKey ?? "")));
  const expected = { from, to, network, now };
  expect(hex(opened.sign1.payload)).toBe(good.payloadHex);
  expect(await verifyMessage(opened, { ...expected, key, kid: key.id })).toMatchObject({ stage: "verified" });
  expect(await verifyMessage(opened, { ...expected, key, kid: from })).toMatchObject({ code: "unauthentic" });
});

describe("one flipped bit, any bit, is refused", () => {
  test.each(vectors)(
    "in the signed message $name: every bit of the COSE_Sign1",
    async (vector) => {
      const { verify } = await makeJudge(vector);
      const { signed } = await exampleOf(vector);
      const read = (bytes: Uint8Array) => readMessage(bytes, [typeOf(vector)]);
      expect(isRefusal(await verify(orThrow(read(signed))))).toBe(false);
      expect(await survivors(signed, read, verify, () => true)).toEqual([]);
    },
    60_000,
  );

  const sealed = vectors.filter(({ keys }) => keys.recipient !== null);
  test.each(sealed)(
    "in the sealed message $name: every bit of the COSE_Encrypt",
    async (vector) => {
      const { open, verify } = await makeJudge(vector);
      expect(await survivors(fromHex(vector.good.hex), open, verify, () => true)).toEqual([]);
    },
    60_000,
  );
});

/** The bits whose flip was not answered with a Refusal; a throw fails the test. */
async function survivors(
  message: Uint8Array,
  open: (bytes: Uint8Array) => Awaitable<Or<OpenedOf<MessageType>>>,
  verify: Judge["verify"],
  isTried: (bit: number) => boolean,
): Promise<readonly number[]> {
  const bytes = message.slice();
  const found: number[] = [];
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    if (!isTried(bit)) continue;
    flip(bytes, bit);
    const opened = await open(bytes);
    if (!isRefusal(opened) && !isRefusal(await verify(opened))) found.push(bit);
    flip(bytes, bit);
  }
  return found;
}

function flip(bytes: Uint8Array, bit: number): void {
  const at = bit >> 3;
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
}

const toBase64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
