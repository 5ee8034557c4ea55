import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  privateEncrypt,
  publicEncrypt,
} from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { concat, idBytes, utf8 } from "../../../protocol/src/bytes.ts";
import { type Cbor, decodeCbor, encodeCbor } from "../../../protocol/src/cbor.ts";
import {
  type Layer,
  layer,
  readEncrypt,
  type Sealed,
  writeEncrypt,
} from "../../../protocol/src/cose/encrypt.ts";
import { encodeP256, encodeRsa, encodeX25519, thumbprint } from "../../../protocol/src/cose/key.ts";
import { readSign1, sign1 } from "../../../protocol/src/cose/sign1.ts";
import { isRefusal, type Or, orThrow } from "../../../protocol/src/errors.ts";
import { sha256 } from "../../../protocol/src/hash.ts";
import { defaultSuite } from "../../../protocol/src/suite/default.ts";
import { figure4Suite } from "../../../protocol/src/suite/figure-4.ts";
import { figure4OpenSslSuite } from "../../../protocol/src/suite/figure-4-openssl.ts";
import type { OpeningKey, Random, SealingKey, Suite } from "../../../protocol/src/suite/suite.ts";

const TYPE = "application/lepta-test+cbor";
const DATA = utf8("Br0, CS_Br0, W_V");

const providers = { "node-forge": figure4Suite, OpenSSL: figure4OpenSslSuite };
const each = Object.entries(providers);
const pairs = each.flatMap(([a, one]) => each.map(([b, other]) => [a, b, one, other] as const));

/** Private bytes, made once: everything else below is the same in every run, whatever these are. */
let first: Uint8Array;
let second: Uint8Array;

beforeAll(async () => {
  first = await figure4Suite.createSigningKey(counted("unused"));
  second = await figure4OpenSslSuite.createSealingKey(counted("unused"));
});

describe("a figure-4 key", () => {
  it.each(pairs)("made by %s has one public key and one id, also to %s", async (_a, _b, one, other) => {
    const made = await one.createSigningKey(counted("unused"));
    const ours = await one.signingKey(made);
    const theirs = await other.openingKey(made);
    expect(theirs.publicKey).toEqual(ours.publicKey);
    expect(theirs.id).toBe(thumbprint(ours.publicKey));
    expect(orThrow(await other.verifyingKey(ours.publicKey)).id).toBe(ours.id);
  });

  it.each(each)("is refused by %s unless it is RSA-1024 with the exponent 65537", async (_name, suite) => {
    const good = modulus(await suite.signingKey(first));
    const exponent = new Uint8Array([1, 0, 1]);
    const foreign = [
      encodeP256(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)),
      encodeX25519(new Uint8Array(32).fill(9)),
      encodeRsa(good, new Uint8Array([1, 0, 3])),
      encodeRsa(good, new Uint8Array([0, 0, 0])),
      encodeRsa(good, new Uint8Array([3])),
      encodeRsa(with1(good, 0, (good[0] ?? 0) & 0x7f), exponent),
      encodeRsa(with1(good, 127, (good[127] ?? 0) & 0xfe), exponent),
      encodeRsa(concat(good, good), exponent),
      new Uint8Array(0),
    ];
    for (const key of foreign) {
      expect(codeOf(await suite.verifyingKey(key))).toBe("malformed");
      expect(codeOf(await suite.sealingKey(key))).toBe("malformed");
    }
  });

  it.each(each)("is not imported by %s from private bytes of another size", async (_name, suite) => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 1536 });
    const large = new Uint8Array(privateKey.export({ type: "pkcs8", format: "der" }));
    expect(() => suite.signingKey(large)).toThrow(TypeError);
    expect(() => suite.openingKey(large)).toThrow(TypeError);
  });

  it.each(each)("may be any odd number of 1024 bits, and %s does not throw at it", async (_name, suite) => {
    const odd = encodeRsa(new Uint8Array(128).fill(0xff), new Uint8Array([1, 0, 1]));
    expect(await orThrow(await suite.verifyingKey(odd)).verify(DATA, new Uint8Array(128))).toBe(false);
    expect(
      codeOf(readEncrypt(await orThrow(await suite.sealingKey(odd)).seal(TYPE, DATA, counted("odd")))),
    ).toBe("");
  });
});

describe("a figure-4 signature", () => {
  it.each(pairs)("made by %s holds before %s, and both make the same", async (_a, _b, one, other) => {
    const signer = await one.signingKey(first);
    const signature = await signer.sign(DATA);
    expect(signature).toEqual(await (await other.signingKey(first)).sign(DATA));
    expect(await orThrow(await other.verifyingKey(signer.publicKey)).verify(DATA, signature)).toBe(true);
  });

  it("names RS1 in its COSE_Sign1", async () => {
    const signer = await figure4Suite.signingKey(first);
    const message = orThrow(readSign1(await sign1(signer, signer.id, TYPE, DATA)));
    expect(message.alg).toBe(-65535);
    const checker = orThrow(await figure4OpenSslSuite.verifyingKey(signer.publicKey));
    expect(await checker.verify(message.toBeSigned, message.signature)).toBe(true);
  });

  it.each(each)("by another key or over other data is refused by %s", async (_name, suite) => {
    const checker = await verifier(suite);
    expect(await checker.verify(DATA, await (await suite.signingKey(second)).sign(DATA))).toBe(false);
    expect(await checker.verify(utf8("W_V"), await (await suite.signingKey(first)).sign(DATA))).toBe(false);
  });

  it.each(each)("of which any bit was changed is refused by %s", async (_name, suite) => {
    const checker = await verifier(suite);
    const signature = await (await suite.signingKey(first)).sign(DATA);
    for (let bit = 0; bit < signature.length * 8; bit += 1)
      expect(await checker.verify(DATA, flipped(signature, bit))).toBe(false);
  });

  it.each(each)("of another length than 128 bytes is refused by %s", async (_name, suite) => {
    const checker = await verifier(suite);
    // Data whose signature begins with a zero byte: the same number could be spelled with 127 bytes.
    const { data, signature } = await withLeadingZero(suite);
    expect(await checker.verify(data, signature)).toBe(true);
    expect(await checker.verify(data, signature.subarray(1))).toBe(false);
    expect(await checker.verify(data, concat(new Uint8Array(1), signature))).toBe(false);
    expect(await checker.verify(data, concat(signature, new Uint8Array(1)))).toBe(false);
    expect(await checker.verify(data, new Uint8Array(0))).toBe(false);
  });

  it.each(each)("that is not below the modulus is refused by %s", async (_name, suite) => {
    const signer = await suite.signingKey(first);
    const checker = await verifier(suite);
    const { data, signature } = await withLeadingZero(suite);
    const n = modulus(signer);
    for (const number of [integer(signature) + integer(n), integer(n), 2n ** 1024n - 1n])
      expect(await checker.verify(data, bytes128(number & (2n ** 1024n - 1n)))).toBe(false);
  });

  it.each(each)(
    "over any other block than the complete PKCS #1 v1.5 one is refused by %s",
    async (_name, suite) => {
      const checker = await verifier(suite);
      const digest = new Uint8Array(hash("sha1", DATA, "buffer"));
      const info = concat(hex("3021300906052b0e03021a05000414"), digest);
      const ff = (length: number) => new Uint8Array(length).fill(0xff);
      const block = (lead: number, padding: Uint8Array, ...rest: readonly Uint8Array[]) =>
        concat(new Uint8Array([0, lead]), padding, new Uint8Array([0]), ...rest);
      expect(await checker.verify(DATA, rawSigned(block(1, ff(90), info)))).toBe(true);
      const forged = [
        block(2, ff(90), info),
        block(1, with1(ff(90), 40, 0xfe), info),
        block(1, ff(89), info, new Uint8Array(1)),
        block(1, ff(8), info, new Uint8Array(82).fill(7)),
        block(1, ff(92), hex("301f300706052b0e03021a0414"), digest),
        block(1, ff(89), hex("308121300906052b0e03021a05000414"), digest),
        block(1, ff(105), digest),
        block(1, ff(90), hex("3021300906052b0e03021b05000414"), digest),
        concat(new Uint8Array(107), new Uint8Array([1]), digest),
      ];
      for (const wrong of forged) expect(await checker.verify(DATA, rawSigned(wrong))).toBe(false);
    },
  );
});

describe("a figure-4 sealed message", () => {
  it.each(pairs)("of any length sealed by %s is opened by %s", async (_a, _b, one, other) => {
    const opener = await other.openingKey(first);
    for (const length of [0, 1, 15, 16, 17, 256, 70_000]) {
      const plaintext = counted("plaintext")(length);
      const bytes = await orThrow(await one.sealingKey(opener.publicKey)).seal(
        TYPE,
        plaintext,
        counted("seal"),
      );
      const sealed = orThrow(readEncrypt(bytes));
      expect(sealed).toMatchObject({ contentType: TYPE, kid: opener.id });
      expect(await opener.open(sealed)).toEqual(plaintext);
    }
  });

  it("is the same from both providers under the same randomness, and another under other randomness", async () => {
    const from = async (suite: Suite, name: string) => (await sealer(suite)).seal(TYPE, DATA, counted(name));
    expect(await from(figure4Suite, "a")).toEqual(await from(figure4OpenSslSuite, "a"));
    expect(await from(figure4Suite, "a")).not.toEqual(await from(figure4Suite, "b"));
  });

  it("carries A192CBC, RSAES-OAEP and no protected header", async () => {
    const bytes = await (await sealer(figure4Suite)).seal(TYPE, DATA, counted("a"));
    const { body, recipient, kid } = orThrow(readEncrypt(bytes));
    expect(body.protectedBytes).toHaveLength(0);
    expect([...body.unprotectedHeader.keys()]).toEqual([1, 3, 5]);
    expect(body.unprotectedHeader.get(1)).toBe(-65530);
    expect(recipient.protectedBytes).toHaveLength(0);
    expect(recipient.unprotectedHeader).toEqual(
      new Map<number, Cbor>([
        [1, -40],
        [4, idBytes(kid)],
      ]),
    );
    expect(recipient.content).toHaveLength(128);
  });

  it.each(each)("to another key is refused by %s", async (_name, suite) => {
    const sealed = await sealedTo(suite);
    const other = await suite.openingKey(second);
    expect(await codeOfOpen(other, sealed)).toBe("unauthentic");
    const readdressed = withLayer(sealed, "recipient", {
      unprotectedHeader: headers(sealed.recipient, [4, idBytes(other.id)]),
    });
    expect(await codeOfOpen(other, { ...readdressed, kid: other.id })).toBe("unauthentic");
    expect(await codeOfOpen(await suite.openingKey(first), { ...readdressed, kid: other.id })).toBe(
      "unauthentic",
    );
  });

  it.each(each)(
    "whose carried key or ciphertext has a wrong length is refused by %s",
    async (_name, suite) => {
      const sealed = await sealedTo(suite);
      const opener = await suite.openingKey(first);
      const { content: wrapped } = sealed.recipient;
      for (const content of [
        wrapped.subarray(1),
        concat(new Uint8Array(1), wrapped),
        new Uint8Array(0),
        new Uint8Array(128),
      ])
        expect(await codeOfOpen(opener, withLayer(sealed, "recipient", { content }))).toBe("unauthentic");
      const { content: ciphertext } = sealed.body;
      for (const length of [0, 1, 15, 17, ciphertext.length - 1, ciphertext.length - 16])
        expect(
          await codeOfOpen(opener, withLayer(sealed, "body", { content: ciphertext.subarray(0, length) })),
        ).toBe("unauthentic");
      for (const length of [0, 16, 23, 25, 32]) {
        const content = oaep(counted("short")(length));
        expect(await codeOfOpen(opener, withLayer(sealed, "recipient", { content }))).toBe("unauthentic");
      }
    },
  );

  it.each(each)("whose carried key lacks its leading zero byte is refused by %s", async (_name, suite) => {
    // About one carried key in 256 begins with a zero byte, and OpenSSL alone would take the rest of it.
    const random = counted("leading zero");
    const quick = await sealer(figure4OpenSslSuite);
    const draw = async () => orThrow(readEncrypt(await quick.seal(TYPE, DATA, random)));
    let sealed = await draw();
    while (sealed.recipient.content[0] !== 0) sealed = await draw();
    const opener = await suite.openingKey(first);
    expect(await opener.open(sealed)).toEqual(DATA);
    const shorter = withLayer(sealed, "recipient", { content: sealed.recipient.content.subarray(1) });
    expect(await codeOfOpen(opener, shorter)).toBe("unauthentic");
  });

  it.each(each)("whose carried key is not below the modulus is refused by %s", async (_name, suite) => {
    const sealed = await sealedTo(suite);
    const content = new Uint8Array(128).fill(0xff);
    expect(await codeOfOpen(await suite.openingKey(first), withLayer(sealed, "recipient", { content }))).toBe(
      "unauthentic",
    );
  });

  it.each(each)(
    "with a header that is missing, added, of another algorithm or protected is refused by %s",
    async (_name, suite) => {
      const sealed = await sealedTo(suite);
      const opener = await suite.openingKey(first);
      const { body, recipient } = sealed;
      const body1 = (header: ReadonlyMap<number, Cbor>) =>
        withLayer(sealed, "body", { unprotectedHeader: header });
      const recipient1 = (header: ReadonlyMap<number, Cbor>) =>
        withLayer(sealed, "recipient", { unprotectedHeader: header });
      const wrong = [
        body1(headers(body, [1, -65531])),
        body1(headers(body, [1, 3])),
        body1(headers(body, [1, undefined])),
        body1(headers(body, [5, undefined])),
        body1(headers(body, [5, new Uint8Array(12)])),
        body1(headers(body, [5, "sixteen letters!"])),
        body1(headers(body, [4, idBytes(opener.id)])),
        body1(headers(body, [5, undefined], [6, new Uint8Array(16)])),
        recipient1(headers(recipient, [1, -41])),
        recipient1(headers(recipient, [1, -25])),
        recipient1(headers(recipient, [1, undefined])),
        recipient1(headers(recipient, [5, new Uint8Array(16)])),
        { ...sealed, body: layer(body.unprotectedHeader, body.content, true) },
        { ...sealed, recipient: layer(recipient.unprotectedHeader, recipient.content, true) },
        withLayer(sealed, "body", {
          protectedBytes: encodeCbor(new Map([[1, -65530]])),
          protectedHeader: new Map([[1, -65530]]),
        }),
        withLayer(sealed, "recipient", {
          protectedBytes: encodeCbor(new Map([[1, -40]])),
          protectedHeader: new Map([[1, -40]]),
        }),
      ];
      // As bytes, too: what stands in them reaches `open` as it came, or is refused before.
      for (const message of wrong) {
        expect(await codeOfOpen(opener, message)).toBe("malformed");
        const read = readEncrypt(writeEncrypt(message.body, message.recipient));
        expect(isRefusal(read) ? read.code : await codeOfOpen(opener, read)).toBe("malformed");
      }
    },
  );

  it.each(each)("of the default suite is refused by %s, and the other way round", async (_name, suite) => {
    const theirs = await defaultSuite.openingKey(await defaultSuite.createSealingKey(counted("default")));
    const toThem = await orThrow(await defaultSuite.sealingKey(theirs.publicKey)).seal(
      TYPE,
      DATA,
      counted("a"),
    );
    expect(await codeOfOpen(await suite.openingKey(first), orThrow(readEncrypt(toThem)))).toBe("malformed");
    expect(await codeOfOpen(theirs, await sealedTo(suite))).toBe("malformed");
  });

  // One bit of each byte with node-forge, which takes milliseconds for each; every bit with OpenSSL.
  it.each([
    ["node-forge", figure4Suite, 8],
    ["OpenSSL", figure4OpenSslSuite, 1],
  ] as const)(
    "is refused by %s where a bit was changed, or else shows another content type or plaintext",
    async (_name, suite, step) => {
      const opener = await suite.openingKey(first);
      const plaintext = counted("plaintext")(256);
      const bytes = await orThrow(await suite.sealingKey(opener.publicKey)).seal(
        TYPE,
        plaintext,
        counted("bits"),
      );
      const passed = new Set<string>();
      for (let bit = 0; bit < bytes.length * 8; bit += step) {
        const spot = step === 1 ? bit : bit + ((bit / step) % 8);
        const sealed = readEncrypt(flipped(bytes, spot));
        if (isRefusal(sealed)) continue;
        const opened = await opener.open(sealed);
        if (isRefusal(opened)) continue;
        const isSame = sealed.contentType === TYPE && Buffer.compare(opened, plaintext) === 0;
        passed.add(isSame ? `unnoticed bit ${spot}` : partAt(bytes, Math.floor(spot / 8)));
      }
      // The last two blocks of ciphertext make up the padding, which fills a block of its own here.
      expect([...passed].sort()).toEqual(["ciphertext", "content type", "iv"]);
    },
  );
});

describe("a figure-4 proof of possession", () => {
  const context = utf8("enrolment 1");

  it.each(pairs)("made by %s holds before %s", async (_a, _b, one, other) => {
    const { prover, broker } = await parties(one, other);
    const proof = await prover.own.provePossession(broker.public, context);
    expect(await broker.own.checkPossession(prover.public, context, proof)).toBe(true);
  });

  it.each(each)(
    "for another context, verifier or key, or altered, is refused by %s",
    async (_name, suite) => {
      const { prover, broker } = await parties(suite, suite);
      const proof = await prover.own.provePossession(broker.public, context);
      const check = (from: SealingKey, about: Uint8Array, bytes: Uint8Array) =>
        broker.own.checkPossession(from, about, bytes);
      expect(await check(prover.public, utf8("enrolment 2"), proof)).toBe(false);
      expect(await check(broker.public, context, proof)).toBe(false);
      expect(await check(prover.public, context, flipped(proof, 77))).toBe(false);
      expect(await check(prover.public, context, proof.subarray(1))).toBe(false);
      expect(await check(prover.public, context, new Uint8Array(0))).toBe(false);
      expect(
        await check(prover.public, context, await prover.own.provePossession(prover.public, context)),
      ).toBe(false);
    },
  );

  it.each(each)("from a key of another suite is refused by %s", async (_name, suite) => {
    const { broker } = await parties(suite, suite);
    const foreign = await defaultSuite.openingKey(await defaultSuite.createSealingKey(counted("default")));
    const key = orThrow(await defaultSuite.sealingKey(foreign.publicKey));
    expect(await broker.own.checkPossession(key, context, new Uint8Array(128))).toBe(false);
  });
});

/** Bytes that are the same in every run. */
function counted(name: string): Random {
  let count = 0;
  return (length) => {
    const blocks: Uint8Array[] = [];
    for (let at = 0; at < length; at += 32) blocks.push(sha256(utf8(`${name} ${count++}`)));
    return concat(...blocks).slice(0, length);
  };
}

const codeOf = (value: Or<unknown>): string => (isRefusal(value) ? value.code : "");

const codeOfOpen = async (opener: OpeningKey, sealed: Sealed): Promise<string> =>
  codeOf(await opener.open(sealed));

const verifier = async (suite: Suite) =>
  orThrow(await suite.verifyingKey((await suite.signingKey(first)).publicKey));

const sealer = async (suite: Suite) =>
  orThrow(await suite.sealingKey((await suite.openingKey(first)).publicKey));

const sealedTo = async (suite: Suite): Promise<Sealed> =>
  orThrow(readEncrypt(await (await sealer(suite)).seal(TYPE, counted("plaintext")(256), counted("seal"))));

async function parties(one: Suite, other: Suite) {
  const prover = await one.openingKey(first);
  const broker = await other.openingKey(second);
  return {
    prover: { own: prover, public: orThrow(await other.sealingKey(prover.publicKey)) },
    broker: { own: broker, public: orThrow(await one.sealingKey(broker.publicKey)) },
  };
}

const withLayer = (sealed: Sealed, which: "body" | "recipient", change: Partial<Layer>): Sealed => ({
  ...sealed,
  [which]: { ...sealed[which], ...change },
});

/** A layer's header with labels set, or taken out where no value is given. */
function headers(
  from: Layer,
  ...changes: readonly (readonly [number, Cbor | undefined])[]
): ReadonlyMap<number, Cbor> {
  const map = new Map(from.unprotectedHeader);
  for (const [label, value] of changes) {
    if (value === undefined) map.delete(label);
    else map.set(label, value);
  }
  return map;
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const at = Math.floor(bit / 8);
  return with1(bytes, at, (bytes[at] ?? 0) ^ (1 << (bit % 8)));
}

function with1(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

/** Which part of a sealed message stands at a byte. */
function partAt(bytes: Uint8Array, at: number): string {
  const { body, recipient } = orThrow(readEncrypt(bytes));
  const parts = {
    "content type": utf8(TYPE),
    iv: body.unprotectedHeader.get(5) as Uint8Array,
    ciphertext: body.content,
    "carried key": recipient.content,
  };
  for (const [name, part] of Object.entries(parts)) {
    const start = Buffer.from(bytes).indexOf(part);
    if (at >= start && at < start + part.length) return name;
  }
  return `byte ${at}`;
}

function modulus({ publicKey }: { publicKey: Uint8Array }): Uint8Array {
  const map = orThrow(decodeCbor(publicKey)) as ReadonlyMap<number, Cbor>;
  return map.get(-1) as Uint8Array;
}

/** About one datum in 256 has a signature that begins with a zero byte. */
async function withLeadingZero(suite: Suite): Promise<{ data: Uint8Array; signature: Uint8Array }> {
  const quick = await figure4OpenSslSuite.signingKey(first);
  for (let count = 0; ; count += 1) {
    const data = utf8(`datum ${count}`);
    if ((await quick.sign(data))[0] === 0)
      return { data, signature: await (await suite.signingKey(first)).sign(data) };
  }
}

const integer = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);

const bytes128 = (number: bigint): Uint8Array => hex(number.toString(16).padStart(256, "0"));

const hex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, "hex"));

/** The private operation of the first key over a block as it is. */
function rawSigned(block: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.from(first), format: "der", type: "pkcs8" });
  return new Uint8Array(privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, block));
}

/** RSAES-OAEP of any bytes to the first key, by a third hand. */
function oaep(bytes: Uint8Array): Uint8Array {
  const key = createPublicKey(createPrivateKey({ key: Buffer.from(first), format: "der", type: "pkcs8" }));
  return new Uint8Array(
    publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING }, Buffer.from(bytes)),
  );
}
