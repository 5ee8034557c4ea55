import { decodeKey, defaultSuite, isRefusal, orThrow, readEncrypt, type Suite, utf8 } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { encodeX25519 } from "../../../protocol/src/cose/key.ts";
import { defaultSuite as webSuite } from "../../../protocol/src/suite/default-web.ts";
import { standInSuite } from "../../support/stand-in-suite.ts";
import { fixed, repeatable } from "../../vectors/parties.ts";

/** What the default suite promises on every platform, and its stand-in for large tests has to promise too. */
const suites: readonly (readonly [string, Suite])[] = [
  ["the default suite on node:crypto", defaultSuite],
  ["the default suite on WebCrypto", webSuite],
  ["its stand-in", standInSuite()],
];

describe.each(suites)("with %s", (_, suite) => {
  describe("a signing key", () => {
    test("is drawn until it is a scalar of P-256, and not for ever", async () => {
      const draws = [new Uint8Array(32), new Uint8Array(32).fill(0xff), fixed("scalar")];
      expect(await suite.createSigningKey(() => draws.shift() ?? new Uint8Array(0))).toEqual(fixed("scalar"));
      expect(() => suite.createSigningKey((length) => new Uint8Array(length))).toThrow("randomness");
    });

    test("is made of every scalar from 1 to the order of the curve, and of no other", async () => {
      for (const good of ["01".padStart(64, "0"), "ab".repeat(32), lessThanOrder]) {
        const [scalar, next] = [bytesOf(good), fixed("next")];
        const draws = [scalar, next];
        expect(await suite.createSigningKey(() => draws.shift() ?? new Uint8Array(0))).toEqual(scalar);
        expect((await suite.signingKey(scalar)).publicKey).toHaveLength(75);
      }
      for (const bad of ["00".repeat(32), order, "ff".repeat(32), "ab".repeat(31), "ab".repeat(33)]) {
        const [scalar, next] = [bytesOf(bad), fixed("next")];
        const draws = [scalar, next];
        expect(await suite.createSigningKey(() => draws.shift() ?? new Uint8Array(0))).toEqual(next);
        await expect(async () => await suite.signingKey(scalar)).rejects.toThrow();
      }
    });

    test("is a COSE key on P-256, the same for the same private bytes", async () => {
      const [one, again] = [await suite.signingKey(fixed("a")), await suite.signingKey(fixed("a"))];
      expect(decodeKey(one.publicKey)).toMatchObject({ type: "p256" });
      expect(one).toMatchObject({ alg: -7, id: again.id, publicKey: again.publicKey });
      expect((await suite.signingKey(fixed("b"))).id).not.toBe(one.id);
    });

    test("makes signatures of 64 bytes that hold for these bytes under its public half alone", async () => {
      const key = await suite.signingKey(fixed("a"));
      const own = orThrow(await suite.verifyingKey(key.publicKey));
      const other = orThrow(await suite.verifyingKey((await suite.signingKey(fixed("b"))).publicKey));
      const signature = await key.sign(utf8("data"));
      expect(signature).toHaveLength(64);
      expect(own).toMatchObject({ alg: -7, id: key.id });
      expect(await own.verify(utf8("data"), signature)).toBe(true);
      expect(await own.verify(utf8("Data"), signature)).toBe(false);
      expect(await other.verify(utf8("data"), signature)).toBe(false);
    });

    test("makes no signature that holds with a bit changed or in another length", async () => {
      const key = await suite.signingKey(fixed("a"));
      const own = orThrow(await suite.verifyingKey(key.publicKey));
      const signature = await key.sign(utf8("data"));
      for (let bit = 0; bit < 512; bit += 1)
        if (await own.verify(utf8("data"), flipped(signature, bit))) expect.unreachable(`bit ${bit}`);
      for (const wrong of [new Uint8Array(0), signature.subarray(1), Uint8Array.from([...signature, 0])])
        expect(await own.verify(utf8("data"), wrong)).toBe(false);
    });
  });

  describe("a public key", () => {
    test("of the other kind, cut, stretched or that nobody made is malformed", async () => {
      const { publicKey } = await suite.signingKey(fixed("a"));
      const { publicKey: sealing } = await suite.openingKey(fixed("a"));
      const offCurve = flipped(publicKey, publicKey.length * 8 - 1);
      for (const wrong of [
        new Uint8Array(0),
        sealing,
        publicKey.subarray(1),
        Uint8Array.from([...publicKey, 0]),
        offCurve,
      ])
        expect(await suite.verifyingKey(wrong)).toMatchObject({ code: "malformed" });
      for (const wrong of [
        new Uint8Array(0),
        publicKey,
        sealing.subarray(1),
        encodeX25519(new Uint8Array(32)),
      ])
        expect(await suite.sealingKey(wrong)).toMatchObject({ code: "malformed" });
    });
  });

  describe("a seal", () => {
    test("gives back to its recipient alone what was sealed, of any length", async () => {
      const { opening, other, sealing } = await sealingParties(suite);
      for (const length of [0, 1, 255, 256, 257, 70_000]) {
        const plaintext = new Uint8Array(length).fill(7);
        const sealed = orThrow(readEncrypt(await sealing.seal("type", plaintext, repeatable("any"))));
        expect(sealed).toMatchObject({ contentType: "type", kid: opening.id });
        expect(await opening.open(sealed)).toEqual(plaintext);
        expect(await other.open(sealed)).toMatchObject({ code: "unauthentic" });
      }
    });

    test("has the default suite's headers, length and draws of randomness", async () => {
      const draws: number[] = [];
      const random = repeatable("shape");
      const { sealing } = await sealingParties(suite);
      const bytes = await sealing.seal("type", fixed("content"), (length) => {
        draws.push(length);
        return random(length);
      });
      const { body, recipient } = orThrow(readEncrypt(bytes));
      expect(draws).toEqual([32, 12]);
      expect(bytes).toHaveLength(164);
      expect([...body.protectedHeader.keys()]).toEqual([1, 3, 5]);
      expect(body.protectedHeader.get(1)).toBe(3);
      expect([...recipient.protectedHeader.keys()]).toEqual([1, 4, -1]);
      expect(recipient.protectedHeader.get(1)).toBe(-25);
      expect(recipient.content).toHaveLength(0);
    });

    test("opens with no bit changed", async () => {
      const { opening, sealing } = await sealingParties(suite);
      const bytes = await sealing.seal("type", fixed("content"), repeatable("bits"));
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const sealed = readEncrypt(flipped(bytes, bit));
        if (isRefusal(sealed)) continue;
        const opened = await opening.open(sealed);
        if (!isRefusal(opened)) expect.unreachable(`bit ${bit}`);
        expect(["malformed", "unauthentic"]).toContain(opened.code);
      }
    });
  });

  describe("a proof of possession", () => {
    test("convinces the one it was made for, of the one who made it, in its context", async () => {
      const { opening, other, sealing, otherSealing } = await sealingParties(suite);
      const proof = await other.provePossession(sealing, utf8("context"));
      expect(proof).toHaveLength(32);
      expect(await opening.checkPossession(otherSealing, utf8("context"), proof)).toBe(true);
      expect(await opening.checkPossession(otherSealing, utf8("Context"), proof)).toBe(false);
      expect(await opening.checkPossession(sealing, utf8("context"), proof)).toBe(false);
      for (let bit = 0; bit < 256; bit += 1)
        expect(await opening.checkPossession(otherSealing, utf8("context"), flipped(proof, bit))).toBe(false);
      expect(await opening.checkPossession(otherSealing, utf8("context"), proof.subarray(1))).toBe(false);
    });

    test("is none towards a key of another kind, and never an empty one", async () => {
      const { opening, other, sealing } = await sealingParties(suite);
      const { publicKey } = await suite.signingKey(fixed("a"));
      await expect(
        async () => await other.provePossession({ ...sealing, publicKey }, utf8("context")),
      ).rejects.toThrow(TypeError);
      const nobody = { ...sealing, publicKey: encodeX25519(new Uint8Array(32)) };
      for (const proof of [new Uint8Array(0), new Uint8Array(32)])
        expect(await opening.checkPossession(nobody, utf8("context"), proof)).toBe(false);
    });
  });
});

describe("the default suite on node:crypto and on WebCrypto", () => {
  test.each([
    ["node:crypto", defaultSuite, "WebCrypto", webSuite],
    ["WebCrypto", webSuite, "node:crypto", defaultSuite],
  ])("read on the second what was written on the first: %s, %s", async (_, one, _name, two) => {
    for (const seed of ["a", "b", "c"]) {
      const [signing, same] = [await one.signingKey(fixed(seed)), await two.signingKey(fixed(seed))];
      expect(signing.publicKey).toEqual(same.publicKey);
      const verifying = orThrow(await two.verifyingKey(signing.publicKey));
      expect(await verifying.verify(utf8("data"), await signing.sign(utf8("data")))).toBe(true);
      const [opening, twin] = [await one.openingKey(fixed(seed)), await two.openingKey(fixed(seed))];
      expect(opening.publicKey).toEqual(twin.publicKey);
      const sealing = orThrow(await one.sealingKey(opening.publicKey));
      const sealed = await sealing.seal("type", utf8(seed), repeatable(seed));
      const again = orThrow(await two.sealingKey(opening.publicKey));
      expect(await again.seal("type", utf8(seed), repeatable(seed))).toEqual(sealed);
      expect(await twin.open(orThrow(readEncrypt(sealed)))).toEqual(utf8(seed));
      const prover = await one.openingKey(fixed("prover"));
      const known = orThrow(await two.sealingKey(prover.publicKey));
      const proof = await prover.provePossession(sealing, utf8("context"));
      expect(await twin.checkPossession(known, utf8("context"), proof)).toBe(true);
      const { agreement } = prover;
      const secret = orThrow(
        (await agreement?.agree(opening.agreement?.publicKey ?? fixed("none"))) ?? fixed(""),
      );
      const theirs = await twin.agreement?.agree(agreement?.publicKey ?? fixed("none"));
      expect(Uint8Array.from(orThrow(theirs ?? fixed("none")))).toEqual(Uint8Array.from(secret));
    }
  });

  test.each([
    ["node:crypto", defaultSuite],
    ["WebCrypto", webSuite],
  ])("agree on nothing with a point of low order or of another length: %s", async (_, suite) => {
    const { agreement } = await suite.openingKey(fixed("opening"));
    expect(agreement?.publicKey).toHaveLength(32);
    for (const point of [
      new Uint8Array(32),
      new Uint8Array(31).fill(9),
      new Uint8Array(33).fill(9),
      new Uint8Array(0),
    ])
      expect(await agreement?.agree(point)).toMatchObject({ code: "malformed" });
  });
});

describe("private keys as objects, on WebCrypto", () => {
  const { handles } = webSuite;
  if (handles === undefined) throw new Error("WebCrypto keeps private keys as objects");

  test("are those of the private bytes: what they sign, open and agree on is the same", async () => {
    const signing = await defaultSuite.signingKey(fixed("a"));
    const mine = handles.signingKey(await handles.importSigning(fixed("a")));
    expect(mine).toMatchObject({ id: signing.id, alg: signing.alg, publicKey: signing.publicKey });
    const verifying = orThrow(await defaultSuite.verifyingKey(signing.publicKey));
    expect(await verifying.verify(utf8("data"), await mine.sign(utf8("data")))).toBe(true);
    const opening = await defaultSuite.openingKey(fixed("b"));
    const ours = handles.openingKey(await handles.importOpening(fixed("b")));
    expect(ours).toMatchObject({ id: opening.id, publicKey: opening.publicKey });
    const sealing = orThrow(await defaultSuite.sealingKey(opening.publicKey));
    const sealed = await sealing.seal("type", utf8("plain"), repeatable("seal"));
    expect(await ours.open(orThrow(readEncrypt(sealed)))).toEqual(utf8("plain"));
    const other = (await defaultSuite.openingKey(fixed("c"))).agreement;
    const agreed = orThrow(given(await ours.agreement?.agree(given(other?.publicKey))));
    const theirs = orThrow(given(await other?.agree(given(ours.agreement?.publicKey))));
    expect(Uint8Array.from(agreed)).toEqual(Uint8Array.from(theirs));
  });

  test("cannot be exported in any format", async () => {
    for (const { key } of [await handles.importSigning(fixed("a")), await handles.importOpening(fixed("b"))])
      for (const format of ["jwk", "pkcs8"] as const)
        await expect(crypto.subtle.exportKey(format, key)).rejects.toThrow();
  });

  test("are taken for nothing but what they are for", async () => {
    const [signing, opening] = [
      await handles.importSigning(fixed("a")),
      await handles.importOpening(fixed("b")),
    ];
    expect(() => handles.signingKey(opening)).toThrow(TypeError);
    expect(() => handles.openingKey(signing)).toThrow(TypeError);
    expect(() => handles.signingKey({ ...signing, publicKey: opening.publicKey })).toThrow(TypeError);
    await expect(handles.importSigning(new Uint8Array(32))).rejects.toThrow(TypeError);
  });
});

test("a stand-in takes no key that another stand-in made", async () => {
  const { publicKey } = await standInSuite().signingKey(fixed("a"));
  expect(await standInSuite().verifyingKey(publicKey)).toMatchObject({ code: "malformed" });
});

/** The order of P-256's group (FIPS 186-5), and the largest scalar. */
const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const lessThanOrder = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550";

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("nothing there");
  return value;
}

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

async function sealingParties(suite: Suite) {
  const opening = await suite.openingKey(fixed("opening"));
  const other = await suite.openingKey(fixed("other"));
  return {
    opening,
    other,
    sealing: orThrow(await suite.sealingKey(opening.publicKey)),
    otherSealing: orThrow(await suite.sealingKey(other.publicKey)),
  };
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
