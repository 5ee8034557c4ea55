import { createPublicKey } from "node:crypto";
import { Sign1 } from "@auth0/cose";
import {
  concat,
  encodePayload,
  idBytes,
  isRefusal,
  type MessageType,
  openMessage,
  orThrow,
  purchaseRequest,
  readMessage,
  sealMessage,
  signMessage,
  thumbprint,
  toText,
  utf8,
  verifyMessage,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import {
  customer,
  fixed,
  merchant,
  network,
  now,
  party,
  repeatable,
  root,
  stranger,
} from "../vectors/parties.ts";
import { type Made, type Sample, samples } from "../vectors/samples.ts";
import type { Example } from "../vectors/vector.ts";
import * as independent from "./independent-cose.ts";

/** Every message of the story, made afresh. */
const story: readonly { readonly sample: Sample; readonly payload: Uint8Array; readonly example: Example }[] =
  await tell();

describe.each(story)("$sample.type.name", ({ sample, payload, example }) => {
  const { type, signer } = sample;

  test("is a COSE_Sign1 that @auth0/cose verifies, with the external data lepta/1 and not without it", async () => {
    // A copy: its decoder leaves a property behind on the bytes that it was given.
    const signed = Sign1.decode(example.signed.slice());
    const key = publicKeyOf(signer.signing.publicKey);
    await expect(signed.verify(key, { externalAAD: utf8("lepta/1") })).resolves.toBeUndefined();
    await expect(signed.verify(key)).rejects.toThrow();
    await expect(
      signed.verify(publicKeyOf(stranger.signing.publicKey), { externalAAD: utf8("lepta/1") }),
    ).rejects.toThrow();
    expect(signed.payload).toEqual(payload);
    expect(toText(signed.kid ?? new Uint8Array(0))).toBe(signer.uid);
    expect(signed.algName).toBe("ES256");
  });

  test("is verified by cborg and WebCrypto", async () => {
    expect(await independent.verify(example.signed, signer.signing.publicKey)).toEqual(payload);
    expect(await independent.verify(example.signed, stranger.signing.publicKey)).toBeUndefined();
  });

  test("is read and verified by us where another implementation has signed it", async () => {
    const signed = await signElsewhere(sample, payload);
    const opened = orThrow(readMessage(signed, [type]));
    const { from, to } = opened.payload;
    const { verifying: key, uid: kid } = signer;
    expect(await verifyMessage(opened, { key, kid, from, to, network, now })).toMatchObject({
      stage: "verified",
      digest: example.digest,
    });
    expect(toText(await independent.sha256(payload))).toBe(example.digest);
  });
});

const sealed = story.flatMap(({ sample, ...rest }) =>
  sample.recipient ? [{ sample, recipient: sample.recipient, ...rest }] : [],
);

describe.each(sealed)("$sample.type.name, sealed,", ({ sample, recipient, payload, example }) => {
  const { type, signer } = sample;

  test("is opened by cborg and WebCrypto where we have sealed it", async () => {
    const letter = await independent.open(example.bytes, recipient.openingBytes);
    expect(letter.contentType).toBe(type.mediaType);
    expect(toText(letter.recipientKid)).toBe(recipient.opening.id);
    expect(letter.signed).toEqual(example.signed);
    expect(letter.paddedLength % 256).toBe(0);
    const { secrets = [], attachments } = sample.beside(made);
    expect(letter.attachments).toEqual(attachments);
    expect((letter.secrets ?? []).length).toBe(secrets.length);
  });

  test("is opened by us where another implementation has sealed it", async () => {
    const { secrets, attachments = [] } = sample.beside(made);
    const sealed = await independent.seal(
      await signElsewhere(sample, payload),
      type.mediaType,
      { x: xOf(recipient.opening.publicKey), kid: idBytes(recipient.opening.id) },
      { ephemeral: fixed("an ephemeral key"), iv: fixed("an iv", 12) },
      {
        ...(secrets
          ? {
              secrets: secrets.map(
                ({ scrip, secret, spentBy }) =>
                  new Map<number, unknown>([
                    [1, idBytes(scrip)],
                    ...(secret ? ([[2, secret]] as const) : []),
                    ...(spentBy ? ([[3, spentBy.map(idBytes)]] as const) : []),
                  ]),
              ),
            }
          : {}),
        ...(attachments.length > 0 ? { attachments } : {}),
      },
    );
    const opened = orThrow(await openMessage(sealed, [type], () => recipient.opening));
    expect(opened.digest).toBe(example.digest);
    expect(opened.secrets).toEqual(secrets ?? []);
    expect(opened.attachments).toEqual(attachments);
    const { from, to } = opened.payload;
    const { verifying: key, uid: kid } = signer;
    expect(isRefusal(await verifyMessage(opened, { key, kid, from, to, network, now }))).toBe(false);
  });
});

test("both implementations seal the same message under the same randomness to the same bytes", async () => {
  const { example } = told(purchaseRequest);
  const [ephemeral, iv] = [fixed("an ephemeral key"), fixed("an iv", 12)];
  const queue = [ephemeral, iv];
  const ours = await sealMessage(
    { type: purchaseRequest, bytes: example.signed },
    merchant.sealing,
    (length) => {
      const bytes = queue.shift();
      return bytes?.length === length ? bytes : expect.unreachable("other randomness than expected");
    },
  );
  const theirs = await independent.seal(
    example.signed,
    purchaseRequest.mediaType,
    { x: xOf(merchant.opening.publicKey), kid: idBytes(merchant.opening.id) },
    { ephemeral, iv },
  );
  expect(theirs).toEqual(ours);
});

describe("a seal of another implementation is refused, and nothing is thrown,", () => {
  const { example } = told(purchaseRequest);
  const to = { x: xOf(merchant.opening.publicKey), kid: idBytes(merchant.opening.id) };
  const secret = { ephemeral: fixed("an ephemeral key"), iv: fixed("an iv", 12) };
  const open = (sealed: Uint8Array) => openMessage(sealed, [purchaseRequest], () => merchant.opening);

  test("where it names a key that we do not hold", async () => {
    const kid = idBytes(customer.opening.id);
    const sealed = await independent.seal(example.signed, purchaseRequest.mediaType, { ...to, kid }, secret);
    const ring = (wanted: string) => (wanted === merchant.opening.id ? merchant.opening : undefined);
    expect(await openMessage(sealed, [purchaseRequest], ring)).toMatchObject({ code: "unauthentic" });
  });

  test("where what is inside is not a message", async () => {
    const sealed = await independent.seal(utf8("no message"), purchaseRequest.mediaType, to, secret);
    expect(await open(sealed)).toMatchObject({ code: "malformed" });
  });

  test("where the iv is of another length", async () => {
    const iv = fixed("an iv", 16);
    const sealed = await independent.seal(example.signed, purchaseRequest.mediaType, to, { ...secret, iv });
    expect(await open(sealed)).toMatchObject({ code: "malformed" });
  });
});

test("UIDs, key ids and the network are COSE key thumbprints (RFC 9679), computed elsewhere", async () => {
  for (const each of [root, customer, merchant, stranger, await party(9)])
    for (const { publicKey, id } of [each.signing, each.opening]) {
      const map = independent.decodeMap(publicKey);
      expect(toText(await independent.thumbprint(map))).toBe(id);
      expect(thumbprint(publicKey)).toBe(id);
      // Further parameters of a key are no part of its name.
      const named = new Map<number, unknown>([...map, [2, utf8("a kid")], [3, -7]]);
      expect(toText(await independent.thumbprint(named))).toBe(id);
    }
  expect(network).toBe(root.signing.id);
});

test("the thumbprint of RFC 9679's own example is found by both", async () => {
  // Section 6: a P-256 key with a kid, and its SHA-256 thumbprint.
  const x = Buffer.from("65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d", "hex");
  const y = Buffer.from("1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c", "hex");
  const expected = "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec";
  const key = new Map<number, unknown>([
    [1, 2],
    [2, utf8("meriadoc.brandybuck@buckland.example")],
    [-1, 1],
    [-2, Uint8Array.from(x)],
    [-3, Uint8Array.from(y)],
  ]);
  expect(Buffer.from(await independent.thumbprint(key)).toString("hex")).toBe(expected);
  const encoded = concat(
    Uint8Array.from(Buffer.from("a401022001215820", "hex")),
    x,
    Uint8Array.from([0x22, 0x58, 0x20]),
    y,
  );
  expect(Buffer.from(idBytes(thumbprint(encoded))).toString("hex")).toBe(expected);
});

async function tell() {
  const out: { sample: Sample; payload: Uint8Array; example: Example }[] = [];
  for (const sample of samples) {
    const { type, signer, recipient, counterSigner } = sample;
    const lookUp: Made = (wanted) => find(out, wanted).example;
    const draft = await sample.draft(lookUp);
    const signed = await signMessage(type, draft, signer.signing);
    const bytes = recipient
      ? await sealMessage(signed, recipient.sealing, repeatable(type.name), sample.beside(lookUp))
      : signed.bytes;
    const counter = counterSigner && (await signMessage(type, draft, counterSigner.signing));
    const example: Example = {
      signed: signed.bytes,
      bytes,
      digest: signed.digest,
      ...(counter ? { counterSigned: counter.bytes } : {}),
    };
    out.push({ sample, payload: encodePayload(type, draft), example });
  }
  return out;
}

function find<T extends { readonly sample: Sample }>(among: readonly T[], type: MessageType): T {
  const found = among.find(({ sample }) => sample.type === type);
  return found ?? expect.unreachable(`${type.name} was not made`);
}

function told(type: MessageType) {
  return find(story, type);
}

function made(type: MessageType): Example {
  return told(type).example;
}

/** A signature of WebCrypto's, in a COSE_Sign1 of cborg's. */
async function signElsewhere({ type, signer }: Sample, payload: Uint8Array): Promise<Uint8Array> {
  const map = independent.decodeMap(signer.signing.publicKey);
  return independent.sign(
    payload,
    { contentType: type.mediaType, kid: idBytes(signer.uid) },
    { scalar: signer.signingBytes, x: bytesAt(map, -2), y: bytesAt(map, -3) },
  );
}

function publicKeyOf(coseKey: Uint8Array) {
  const map = independent.decodeMap(coseKey);
  const at = (label: number) => Buffer.from(bytesAt(map, label)).toString("base64url");
  const [x, y] = [at(-2), at(-3)];
  return createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
}

function xOf(coseKey: Uint8Array): Uint8Array {
  return bytesAt(independent.decodeMap(coseKey), -2);
}

function bytesAt(map: ReadonlyMap<number, unknown>, label: number): Uint8Array {
  const value = map.get(label);
  return value instanceof Uint8Array ? value : expect.unreachable(`no bytes at ${label}`);
}
