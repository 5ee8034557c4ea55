import {
  decodeKey,
  defaultSuite,
  derSignature,
  isRefusal,
  limits,
  orThrow,
  rawSignature,
  readEncrypt,
  utf8,
} from "@lepta/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { customer, fixed, merchant, repeatable, stranger } from "../../vectors/parties.ts";

const ORDER = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

/** The encoded COSE_Key of this X25519 point. */
const x25519 = (x: Uint8Array): Uint8Array => Uint8Array.from([0xa3, 1, 1, 0x20, 4, 0x21, 0x58, 32, ...x]);

describe("a signing key", () => {
  test("is drawn until it is a scalar of P-256, and never is 0 or beyond the order", async () => {
    const draws = ["00".repeat(32), "ff".repeat(32), ORDER, `${ORDER.slice(0, -1)}0`];
    const drawn = await defaultSuite.createSigningKey((length) => {
      expect(length).toBe(32);
      return fromHex(draws.shift() ?? "");
    });
    expect(Buffer.from(drawn).toString("hex")).toBe(`${ORDER.slice(0, -1)}0`);
  });

  test("is not drawn for ever: a source that never gives one throws", () => {
    let draws = 0;
    const broken = (length: number) => {
      draws += 1;
      return new Uint8Array(length);
    };
    expect(() => defaultSuite.createSigningKey(broken)).toThrow("source of randomness");
    expect(draws).toBeLessThanOrEqual(8);
  });

  test("is the same for the same private bytes, and its signatures hold under its public half", async () => {
    const again = await defaultSuite.signingKey(new Uint8Array(32).fill(6));
    expect(again.id).toBe(customer.uid);
    expect(again.publicKey).toEqual(customer.signing.publicKey);
    const signature = await again.sign(utf8("data"));
    expect(signature).toHaveLength(64);
    expect(await customer.verifying.verify(utf8("data"), signature)).toBe(true);
    expect(await customer.verifying.verify(utf8("Data"), signature)).toBe(false);
    expect(await stranger.verifying.verify(utf8("data"), signature)).toBe(false);
  });
});

describe("a key of somebody else", () => {
  test("checks the tenth signature as it checks the first, and says the bytes that it was made of", async () => {
    const key = orThrow(await defaultSuite.verifyingKey(customer.signing.publicKey));
    expect(key.publicKey).toEqual(customer.signing.publicKey);
    for (let i = 0; i < 10; i += 1) {
      const data = utf8(`${i}`);
      expect(await key.verify(data, await stranger.signing.sign(data))).toBe(false);
      expect(await key.verify(data, await customer.signing.sign(data))).toBe(true);
    }
  });

  test("checks and seals as before when many others have been used since", async () => {
    const verifying = orThrow(await defaultSuite.verifyingKey(customer.signing.publicKey));
    const sealing = orThrow(await defaultSuite.sealingKey(customer.opening.publicKey));
    const data = utf8("data");
    const signature = await customer.signing.sign(data);
    const isAsBefore = async () => {
      expect(await verifying.verify(data, signature)).toBe(true);
      const sealed = orThrow(readEncrypt(await sealing.seal("x", data, repeatable("idle"))));
      expect(orThrow(await customer.opening.open(sealed))).toEqual(data);
    };
    for (let i = 0; i < 2; i += 1) await isAsBefore();
    const random = repeatable("others");
    for (let i = 0; i < limits.keyCache; i += 1)
      await orThrow(await defaultSuite.sealingKey(x25519(random(32)))).seal("x", data, random);
    await isAsBefore();
  });
});

describe("a signature", () => {
  test("is 64 bytes in COSE and DER inside, and comes back from it, leading zeros or not", () => {
    const half = fc
      .tuple(fc.nat({ max: 32 }), fc.uint8Array({ minLength: 32, maxLength: 32 }))
      .map(([zeros, bytes]) => bytes.map((byte, i) => (i < zeros ? 0 : byte)));
    fc.assert(
      fc.property(half, half, (r, s) => {
        const raw = Uint8Array.from([...r, ...s]);
        expect(rawSignature(derSignature(raw))).toEqual(raw);
      }),
      { seed: 256, numRuns: 2000 },
    );
  });

  test("holds in a thousand makings, short numbers among them", async () => {
    for (let i = 0; i < 1000; i += 1) {
      const data = utf8(`message ${i}`);
      if (!(await customer.verifying.verify(data, await customer.signing.sign(data))))
        expect.unreachable(`the signature of message ${i} does not hold`);
    }
  });

  test.each([
    ["nothing", ""],
    ["zeros", "00".repeat(64)],
    ["all ones", "ff".repeat(64)],
    ["r = 0", `${"00".repeat(32)}${"11".repeat(32)}`],
    ["s = 0", `${"11".repeat(32)}${"00".repeat(32)}`],
    ["r = n", `${ORDER}${"11".repeat(32)}`],
    ["s = n", `${"11".repeat(32)}${ORDER}`],
    ["63 bytes", "11".repeat(63)],
    ["65 bytes", "11".repeat(65)],
    ["DER", "3006020101020101"],
  ])("of %s does not hold and does not throw", async (_, hex) => {
    expect(await customer.verifying.verify(utf8("data"), fromHex(hex))).toBe(false);
  });
});

test("a signature does not hold in 65 bytes, though its numbers are the same", async () => {
  const signature = await customer.signing.sign(utf8("data"));
  const stretched = Uint8Array.from([...signature.subarray(0, 32), 0, ...signature.subarray(32)]);
  expect(await customer.verifying.verify(utf8("data"), signature)).toBe(true);
  expect(await customer.verifying.verify(utf8("data"), stretched)).toBe(false);
});

describe("a public key", () => {
  const { publicKey } = customer.signing;
  const offCurve = publicKey.slice();
  offCurve[offCurve.length - 1] = (offCurve.at(-1) ?? 0) ^ 1;

  test.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array(0)],
    ["a key to seal", customer.opening.publicKey],
    ["a point that is not on the curve", offCurve],
    [
      "the point 0, 0",
      Uint8Array.from([
        ...publicKey.slice(0, 10),
        ...new Uint8Array(32),
        0x22,
        0x58,
        32,
        ...new Uint8Array(32),
      ]),
    ],
    [
      "a coordinate beyond the field",
      Uint8Array.from(publicKey.map((byte, i) => (i >= 10 && i < 42 ? 0xff : byte))),
    ],
    ["a key with something behind it", Uint8Array.from([...publicKey, 0])],
    [
      "a key with a further parameter",
      Uint8Array.from([0xa5, ...publicKey.slice(1, 3), 3, 0x26, ...publicKey.slice(3)]),
    ],
  ])("to verify is malformed where it is %s", async (_, bytes) => {
    expect(await defaultSuite.verifyingKey(bytes)).toMatchObject({ code: "malformed" });
  });

  test.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array(0)],
    ["a key to verify", publicKey],
    ["31 bytes", Uint8Array.from([0xa3, 1, 1, 0x20, 4, 0x21, 0x58, 31, ...new Uint8Array(31)])],
    [
      "a key with a further parameter",
      Uint8Array.from([0xa4, 1, 1, 3, 0x26, 0x20, 4, 0x21, 0x58, 32, ...fixed("x")]),
    ],
    ["of another curve", Uint8Array.from([0xa3, 1, 1, 0x20, 6, 0x21, 0x58, 32, ...fixed("ed25519")])],
  ])("to seal to is malformed where it is %s", async (_, bytes) => {
    expect(await defaultSuite.sealingKey(bytes)).toMatchObject({ code: "malformed" });
  });

  test("is read as its coordinates", () => {
    expect(decodeKey(publicKey)).toMatchObject({ type: "p256" });
    expect(decodeKey(customer.opening.publicKey)).toMatchObject({ type: "x25519" });
    expect(decodeKey(fromHex("a1010a"))).toMatchObject({ code: "malformed" });
    expect(decodeKey(fromHex("01"))).toMatchObject({ code: "malformed" });
  });
});

/** The points of X25519 that share no secret with anybody, in every spelling of 32 bytes. */
const lowOrder = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].flatMap((hex) => {
  const high = fromHex(hex);
  high[31] = (high[31] ?? 0) | 0x80;
  return [hex, Buffer.from(high).toString("hex")];
});

describe("a point of low order", () => {
  test.each(lowOrder)("%s is no key to seal to", async (hex) => {
    expect(await defaultSuite.sealingKey(x25519(fromHex(hex)))).toMatchObject({ code: "malformed" });
  });

  test.each(lowOrder)("%s opens nothing as an ephemeral key, and does not throw", async (hex) => {
    const sealed = await merchant.sealing.seal("type", utf8("content"), repeatable("low order"));
    const { x } = orThrow(decodeKey(ephemeralOf(sealed))) as { readonly x: Uint8Array };
    const altered = sealed.slice();
    altered.set(fromHex(hex), Buffer.from(sealed).indexOf(x));
    expect(await merchant.opening.open(orThrow(readEncrypt(altered)))).toMatchObject({ code: "unauthentic" });
  });
});

describe("a proof of possession", () => {
  const context = utf8("context");

  test("convinces the one it was made for, of the one who made it, in its context", async () => {
    const proof = await customer.opening.provePossession(merchant.sealing, context);
    expect(proof).toHaveLength(32);
    expect(await merchant.opening.checkPossession(customer.sealing, context, proof)).toBe(true);
    expect(await merchant.opening.checkPossession(customer.sealing, utf8("Context"), proof)).toBe(false);
    expect(await merchant.opening.checkPossession(stranger.sealing, context, proof)).toBe(false);
    expect(await stranger.opening.checkPossession(customer.sealing, context, proof)).toBe(false);
  });

  test("holds in no other length and with no bit changed", async () => {
    const proof = await customer.opening.provePossession(merchant.sealing, context);
    for (let bit = 0; bit < 256; bit += 1) {
      const altered = proof.slice();
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await merchant.opening.checkPossession(customer.sealing, context, altered)).toBe(false);
    }
    for (const length of [0, 1, 31])
      expect(
        await merchant.opening.checkPossession(customer.sealing, context, proof.subarray(0, length)),
      ).toBe(false);
  });

  test("is none towards a key of another kind", async () => {
    const wrong = { ...merchant.sealing, publicKey: merchant.signing.publicKey };
    expect(() => customer.opening.provePossession(wrong, context)).toThrow(TypeError);
  });

  test.each(lowOrder)("is never given for the point %s, not even by an empty one", async (hex) => {
    const prover = { ...customer.sealing, publicKey: x25519(fromHex(hex)) };
    for (const proof of [new Uint8Array(0), new Uint8Array(32)])
      expect(await merchant.opening.checkPossession(prover, context, proof)).toBe(false);
  });
});

describe("opening", () => {
  test("gives back what was sealed, of any length", async () => {
    for (const length of [0, 1, 255, 256, 257, 70_000]) {
      const plaintext = new Uint8Array(length).fill(7);
      const sealed = orThrow(readEncrypt(await merchant.sealing.seal("type", plaintext, repeatable("any"))));
      expect(sealed.contentType).toBe("type");
      expect(sealed.kid).toBe(merchant.opening.id);
      expect(await merchant.opening.open(sealed)).toEqual(plaintext);
      expect(await customer.opening.open(sealed)).toMatchObject({ code: "unauthentic" });
    }
  });

  test("takes the algorithms and headers of this suite only, all of them protected", async () => {
    const sealed = orThrow(
      readEncrypt(await merchant.sealing.seal("type", utf8("x"), repeatable("headers"))),
    );
    const { body, recipient } = sealed;
    const withHeader = (from: typeof body, label: number, value: number | string | undefined) => {
      const protectedHeader = new Map(from.protectedHeader);
      if (value === undefined) protectedHeader.delete(label);
      else protectedHeader.set(label, value);
      return { ...from, protectedHeader };
    };
    const variants = [
      { ...sealed, body: withHeader(body, 1, 1) },
      { ...sealed, body: withHeader(body, 5, "iv") },
      { ...sealed, body: withHeader(body, 5, undefined) },
      { ...sealed, body: withHeader(body, 99, 1) },
      { ...sealed, body: { ...body, unprotectedHeader: new Map([[99, 1]]) } },
      { ...sealed, body: { ...body, content: body.content.subarray(0, 15) } },
      { ...sealed, recipient: withHeader(recipient, 1, -31) },
      { ...sealed, recipient: withHeader(recipient, -1, undefined) },
      { ...sealed, recipient: withHeader(recipient, -1, "key") },
      { ...sealed, recipient: withHeader(recipient, 99, 1) },
      { ...sealed, recipient: { ...recipient, unprotectedHeader: new Map([[99, 1]]) } },
      { ...sealed, recipient: { ...recipient, content: new Uint8Array(1) } },
    ];
    for (const variant of variants)
      expect(await merchant.opening.open(variant)).toMatchObject({ code: "malformed" });
    expect(isRefusal(await merchant.opening.open(sealed))).toBe(false);
  });
});

/** The encoded COSE_Key in the recipient's protected header. */
function ephemeralOf(sealed: Uint8Array): Uint8Array {
  const map = orThrow(readEncrypt(sealed)).recipient.protectedHeader.get(-1) as ReadonlyMap<
    number,
    Uint8Array
  >;
  return x25519(map.get(-2) ?? new Uint8Array(0));
}
