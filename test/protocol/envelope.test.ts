import {
  type Beside,
  type Cbor,
  contentCodec,
  type Draft,
  decodeCbor,
  type ErrorCode,
  encodeAs,
  encodeCbor,
  encodePayload,
  isExpired,
  isRefusal,
  type KeyRing,
  limits,
  type MessageType,
  noticeBatch,
  openMessage,
  orThrow,
  purchaseNotice,
  purchaseRequest,
  purchaseResponse,
  query,
  readEncrypt,
  readMessage,
  refuse,
  type SigningKey,
  sealMessage,
  sign1,
  signMessage,
  type Uid,
  utf8,
  vendorscripRequest,
  verifyMessage,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import {
  customer,
  euro,
  fixed,
  HOUR,
  merchant,
  network,
  now,
  type Party,
  plain,
  repeatable,
  request,
  stranger,
  txnOf,
} from "../vectors/parties.ts";

const draft: Draft<typeof vendorscripRequest> = {
  ...request(customer.uid, merchant.uid, "vendor"),
  amount: euro("1.00"),
  minimumExpiry: now + HOUR,
  part: customer.uid,
};
const type = vendorscripRequest;
const signed = await signMessage(type, draft, customer.signing);
const random = () => repeatable("envelope");
const sealed = await sealMessage(signed, merchant.sealing, random());
const ring =
  (...parties: readonly Party[]): KeyRing =>
  (kid) =>
    parties.find((each) => each.opening.id === kid)?.opening;
const expected = {
  key: customer.verifying,
  kid: customer.uid,
  from: customer.uid,
  to: merchant.uid,
  network,
  now,
};

/** The message signed anew with these changes, and how its recipient judges it. */
async function judge(
  change: Partial<Draft<typeof type>>,
  { by = customer.signing, kid = customer.uid }: { by?: SigningKey; kid?: Uid } = {},
  at: Partial<typeof expected> = {},
) {
  const message = await signMessage(type, { ...draft, ...change }, by, kid);
  return verifyMessage(orThrow(readMessage(message.bytes, [type])), { ...expected, ...at });
}

describe("a message", () => {
  test("that was signed and sealed opens, verifies and says what was written", async () => {
    const opened = orThrow(await openMessage(sealed, [type], ring(merchant)));
    expect(opened).toMatchObject({ stage: "opened", type, digest: signed.digest, signed: signed.bytes });
    const verified = orThrow(await verifyMessage(opened, expected));
    expect(verified.stage).toBe("verified");
    expect(verified.payload).toEqual({ version: 1, type: "vendorscrip-request", ...draft });
    expect(verified.secrets).toEqual([]);
    expect(verified.attachments).toEqual([]);
  });

  test("tells which of our keys it was sealed to, and that it came without a seal", async () => {
    expect(await openMessage(sealed, [type], ring(merchant))).toMatchObject({
      seal: { to: merchant.opening.id, authenticates: true },
    });
    expect(orThrow(readMessage(signed.bytes, [type])).seal).toBeUndefined();
  });

  test("is found among all the types that a door takes", async () => {
    const opened = orThrow(await openMessage(sealed, [purchaseRequest, type, query], ring(merchant)));
    expect(opened.type).toBe(type);
    expect(readMessage(signed.bytes, [query, type])).toMatchObject({ type, digest: signed.digest });
  });

  test("is known by the digest of its payload, whoever signs it and however often", async () => {
    const again = await signMessage(type, draft, customer.signing);
    const byAnother = await signMessage(type, draft, stranger.signing);
    expect(again.bytes).not.toEqual(signed.bytes);
    expect([again.digest, byAnother.digest]).toEqual([signed.digest, signed.digest]);
  });

  test("keeps its digest and verifies under the other one of a signature's two forms", async () => {
    // (r, n − s) holds wherever (r, s) does: so nothing may be known by its signature.
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const twin = signed.bytes.slice();
    const s = BigInt(`0x${Buffer.from(twin.subarray(-32)).toString("hex")}`);
    twin.set(Buffer.from((order - s).toString(16).padStart(64, "0"), "hex"), twin.length - 32);
    const opened = orThrow(readMessage(twin, [type]));
    expect(await verifyMessage(opened, expected)).toMatchObject({ stage: "verified", digest: signed.digest });
  });

  test("carries secrets and attachments beside what is signed, inside the seal", async () => {
    const beside: Beside = {
      secrets: [
        { scrip: txnOf("scrip"), secret: fixed("secret") },
        { scrip: txnOf("another"), spentBy: [customer.uid, txnOf("spender")] },
      ],
      attachments: [utf8("one"), utf8("two")],
    };
    const bytes = await sealMessage(signed, merchant.sealing, random(), beside);
    const opened = orThrow(await openMessage(bytes, [type], ring(merchant)));
    expect(opened).toMatchObject(beside);
    expect(opened.digest).toBe(signed.digest);
    expect(Buffer.from(bytes).includes(Buffer.from(fixed("secret")))).toBe(false);
  });

  test("is sealed as one without any where the lists beside it are empty", async () => {
    const bytes = await sealMessage(signed, merchant.sealing, random(), { secrets: [], attachments: [] });
    expect(bytes).toEqual(sealed);
  });

  test("is sealed to other bytes under other randomness", async () => {
    expect(await sealMessage(signed, merchant.sealing, random())).toEqual(sealed);
    expect(await sealMessage(signed, merchant.sealing, repeatable("other"))).not.toEqual(sealed);
  });
});

describe("who signed", () => {
  test.each<[string, ErrorCode, Partial<Draft<typeof type>>, { by?: SigningKey; kid?: Uid }]>([
    ["another key under the sender's id", "unauthentic", {}, { by: stranger.signing }],
    ["another key under its own id", "unauthentic", {}, { by: stranger.signing, kid: stranger.uid }],
    ["the sender's key under another id", "unauthentic", {}, { kid: stranger.uid }],
    ["the sender in the name of another", "unauthentic", { from: stranger.uid }, {}],
  ])("must be the sender: %s is %s", async (_, code, change, by) => {
    expect(await judge(change, by)).toMatchObject({ code });
  });

  test("is checked under the algorithm of its key", async () => {
    const key = { ...customer.signing, alg: -8 };
    const other = await signMessage(type, draft, key);
    const opened = orThrow(readMessage(other.bytes, [type]));
    expect(await verifyMessage(opened, expected)).toMatchObject({ code: "unauthentic" });
  });

  test("is not told from a seal that does not open", async () => {
    const other = await judge({}, { by: stranger.signing });
    const notOurs = await openMessage(sealed, [type], ring(stranger));
    expect([other, notOurs].map((each) => isRefusal(each) && each.code)).toEqual([
      "unauthentic",
      "unauthentic",
    ]);
  });

  test.each([
    ["no byte", 0],
    ["a byte less", 63],
    ["a byte more", 65],
    ["a megabyte", 1_000_000],
  ])("is nobody where the signature has %s", async (_, length) => {
    const sign = () => new Uint8Array(length).fill(1);
    const other = await signMessage(type, draft, { ...customer.signing, sign });
    const opened = readMessage(other.bytes, [type]);
    const result = isRefusal(opened) ? opened : await verifyMessage(opened, expected);
    expect(result).toMatchObject({ code: expect.stringMatching(/^(unauthentic|too-large|malformed)$/) });
  });

  test.each(["00".repeat(64), "ff".repeat(64), `${"00".repeat(63)}01`, `01${"00".repeat(63)}`])(
    "is nobody where the signature is %s",
    async (hex) => {
      const sign = () => Uint8Array.from(Buffer.from(hex, "hex"));
      const other = await signMessage(type, draft, { ...customer.signing, sign });
      const opened = orThrow(readMessage(other.bytes, [type]));
      expect(await verifyMessage(opened, expected)).toMatchObject({ code: "unauthentic" });
    },
  );
});

describe("for whom", () => {
  test("a message of another network is refused", async () => {
    expect(await judge({ network: stranger.uid })).toMatchObject({ code: "wrong-network" });
    expect(await judge({}, {}, { network: stranger.uid })).toMatchObject({ code: "wrong-network" });
  });

  test("a message signed for another recipient is refused", async () => {
    expect(await judge({ to: stranger.uid })).toMatchObject({ code: "wrong-recipient" });
  });

  test("its recipient cannot seal it again to a third party", async () => {
    const opened = orThrow(await openMessage(sealed, [type], ring(merchant)));
    const passedOn = await sealMessage({ type, bytes: opened.signed }, stranger.sealing, random());
    const received = orThrow(await openMessage(passedOn, [type], ring(stranger)));
    expect(await verifyMessage(received, { ...expected, to: stranger.uid })).toMatchObject({
      code: "wrong-recipient",
    });
  });
});

describe("when", () => {
  test("a message may be dated as far ahead as clocks may differ, and no further", async () => {
    const ahead = (by: number) => judge({ issuedAt: now + by, expiresAt: now + by + HOUR });
    expect(await ahead(limits.clockSkew)).toMatchObject({ stage: "verified" });
    expect(await ahead(limits.clockSkew + 1)).toMatchObject({ code: "future-dated" });
  });

  test("a request may live a day, and no longer, and not end before it began", async () => {
    const living = (life: number) => judge({ expiresAt: now + life });
    expect(await living(limits.requestLife)).toMatchObject({ stage: "verified" });
    expect(await living(limits.requestLife + 1)).toMatchObject({ code: "future-dated" });
    expect(await living(0)).toMatchObject({ stage: "verified" });
    expect(await living(-1)).toMatchObject({ code: "future-dated" });
    expect(await judge({ issuedAt: 0, expiresAt: Number.MAX_SAFE_INTEGER })).toMatchObject({
      code: "future-dated",
    });
  });

  test("a request is expired from its expiresAt on, and verified all the same", async () => {
    const old = orThrow(await judge({ issuedAt: now - HOUR, expiresAt: now }));
    expect(isExpired(old.payload, now - 1)).toBe(false);
    expect(isExpired(old.payload, now)).toBe(true);
    expect(isExpired(old.payload, now + 1)).toBe(true);
  });

  test("an answer or a notice never expires, and has no field that says so", async () => {
    const notice: Draft<typeof purchaseNotice> = {
      ...plain(customer.uid, network, "buy"),
      issuedAt: 0,
      merchant: merchant.uid,
      amount: euro("0.02"),
      metered: false,
      order: fixed("order"),
      purchase: customer.uid,
    };
    const message = await signMessage(purchaseNotice, notice, customer.signing);
    const opened = orThrow(readMessage(message.bytes, [purchaseNotice]));
    expect(await verifyMessage(opened, { ...expected, to: network })).toMatchObject({ stage: "verified" });
    const dated = { ...notice, expiresAt: now } as typeof notice;
    expect(encodePayload(purchaseNotice, dated)).toEqual(encodePayload(purchaseNotice, notice));
  });
});

describe("what type", () => {
  test("a message of a type that does not belong here is refused, sealed or not, and its seal stays shut", async () => {
    expect(readMessage(signed.bytes, [purchaseRequest])).toMatchObject({ code: "wrong-type" });
    expect(await openMessage(sealed, [purchaseRequest, query], unasked)).toMatchObject({
      code: "wrong-type",
    });
  });

  test("the outer content type must be that of the message inside", async () => {
    const disguised = await sealMessage({ type: query, bytes: signed.bytes }, merchant.sealing, random());
    expect(await openMessage(disguised, [query, type], ring(merchant))).toMatchObject({ code: "wrong-type" });
  });

  test("the outer content type cannot be changed after sealing", async () => {
    const altered = replaced(sealed, "vendorscrip-request", "vendorscrip-intent!");
    const fake: MessageType = { ...query, mediaType: "application/lepta.vendorscrip-intent!+cbor" };
    expect(await openMessage(altered, [fake], ring(merchant))).toMatchObject({ code: "unauthentic" });
  });

  test("the content type that was signed must be that of the payload", async () => {
    const bytes = await sign1(customer.signing, customer.uid, query.mediaType, encodePayload(type, draft));
    expect(readMessage(bytes, [query, type])).toMatchObject({ code: "malformed" });
  });

  test("a payload that names another type, version or a field too many is malformed", async () => {
    const map = decodeCbor(encodePayload(type, draft)) as Map<number, never>;
    const variants: readonly (readonly [number, unknown])[] = [
      [1, 2],
      [3, "query"],
      [9, 0],
      [99, 0],
    ];
    const sign = (payload: Map<number, never>) =>
      sign1(customer.signing, customer.uid, type.mediaType, encodeCbor(payload));
    expect(isRefusal(readMessage(await sign(map), [type]))).toBe(false);
    for (const [key, value] of variants)
      expect(readMessage(await sign(new Map([...map, [key, value as never]])), [type])).toMatchObject({
        code: "malformed",
      });
    for (const key of map.keys()) {
      const without = new Map(map);
      without.delete(key);
      expect(readMessage(await sign(without), [type]), `without ${key}`).toMatchObject({ code: "malformed" });
    }
  });
});

describe("for which key", () => {
  test("a message sealed to a key that we do not hold is refused", async () => {
    expect(await openMessage(sealed, [type], ring(customer, stranger))).toMatchObject({
      code: "unauthentic",
    });
    expect(await openMessage(sealed, [type], () => undefined)).toMatchObject({ code: "unauthentic" });
  });

  test("and so is one that another key than it names is tried on", async () => {
    expect(await openMessage(sealed, [type], () => stranger.opening)).toMatchObject({ code: "unauthentic" });
  });

  test("the key id of the outer header cannot be changed after sealing", async () => {
    const altered = sealed.slice();
    const kid = orThrow(readEncrypt(sealed)).kid;
    const at = Buffer.from(sealed).indexOf(Buffer.from(kid, "base64url"));
    altered.set(Buffer.from(stranger.opening.id, "base64url"), at);
    // Even if both names stood for one key.
    expect(await openMessage(altered, [type], () => merchant.opening)).toMatchObject({ code: "unauthentic" });
  });
});

describe("padding", () => {
  const paddedLength = async (bytes: Uint8Array): Promise<number> => {
    const plaintext = await merchant.opening.open(orThrow(readEncrypt(bytes)));
    return orThrow(plaintext).length;
  };

  test("fills every plaintext up to the next multiple of 256 bytes, never past it", async () => {
    for (let length = 1; length <= 800; length += 1) {
      const message = { type, bytes: new Uint8Array(length) };
      const content = encodeAs(contentCodec, { signed: message.bytes }).length;
      const padded = await paddedLength(await sealMessage(message, merchant.sealing, random()));
      expect(padded).toBe(Math.floor(content / 256 + 1) * 256);
    }
  });

  test("hides the length: all plaintexts of one step are sealed to the same number of bytes", async () => {
    const lengths = new Set<number>();
    for (let length = 1; length <= 251; length += 1) {
      const bytes = new Uint8Array(length);
      lengths.add((await sealMessage({ type, bytes }, merchant.sealing, random())).length);
    }
    expect(lengths.size).toBe(1);
  });

  const content = encodeAs(contentCodec, { signed: signed.bytes });
  const framed = (length: number, mark: number, at: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    bytes.set(content);
    bytes[at] = mark;
    return bytes;
  };
  const step = Math.ceil((content.length + 1) / 256) * 256;

  test("is one mark and zeros up to the next step", async () => {
    const bytes = await merchant.sealing.seal(type.mediaType, framed(step, 0x80, content.length), random());
    expect(isRefusal(await openMessage(bytes, [type], ring(merchant)))).toBe(false);
  });

  test.each([
    ["nothing", new Uint8Array(0)],
    ["nothing but zeros", new Uint8Array(256)],
    ["nothing but padding", Uint8Array.from({ length: 256 }, (_, i) => (i === 0 ? 0x80 : 0))],
    ["no padding", content],
    ["a length that is no step", framed(step + 1, 0x80, content.length)],
    ["a step too much", framed(step + 256, 0x80, content.length)],
    ["another mark", framed(step, 0x81, content.length)],
    ["a mark one byte too late", framed(step, 0x80, content.length + 1)],
    ["something after the mark", framed(step, 1, step - 1)],
  ])("a plaintext with %s is malformed", async (_, plaintext) => {
    const bytes = await merchant.sealing.seal(type.mediaType, plaintext, random());
    expect(await openMessage(bytes, [type], ring(merchant))).toMatchObject({ code: "malformed" });
  });
});

describe("a cipher that anyone may alter", () => {
  const malleable: KeyRing = () => ({ ...merchant.opening, authenticates: false });
  const sealTo = (plaintext: Uint8Array) => merchant.sealing.seal(type.mediaType, plaintext, random());

  test("says of whatever is wrong inside only that it does not open: no padding oracle", async () => {
    const inside = [
      new Uint8Array(256),
      utf8("no padding"),
      padded(utf8("no content")),
      padded(encodeAs(contentCodec, { signed: utf8("no message") })),
      padded(
        encodeCbor(
          new Map<number, Cbor>([
            [1, signed.bytes],
            [3, []],
          ]),
        ),
      ),
    ];
    for (const plaintext of inside)
      expect(await openMessage(await sealTo(plaintext), [type], malleable)).toEqual(refuse("unauthentic"));
    const disguised = await sealMessage({ type: query, bytes: signed.bytes }, merchant.sealing, random());
    expect(await openMessage(disguised, [query], malleable)).toEqual(refuse("unauthentic"));
  });

  test("opens what is right inside", async () => {
    expect(isRefusal(await openMessage(sealed, [type], malleable))).toBe(false);
  });
});

describe("size", () => {
  test("what is longer than its type allows is refused before it is read", async () => {
    const long = new Uint8Array(limits.messageBytes + 8 * 1024 + 1);
    expect(await openMessage(long, [type], unasked)).toMatchObject({ code: "too-large" });
    const padded = new Uint8Array(limits.messageBytes + 8 * 1024);
    expect(await openMessage(padded, [type], unasked)).toMatchObject({ code: "malformed" });
  });

  test("a type with a larger limit beside it does not help", async () => {
    const message = { type, bytes: new Uint8Array(limits.messageBytes + 8 * 1024) };
    const bytes = await sealMessage(message, merchant.sealing, random());
    expect(await openMessage(bytes, [type, purchaseResponse, noticeBatch], unasked)).toMatchObject({
      code: "too-large",
    });
  });

  test("a signed payload that is longer than its type allows is refused", async () => {
    const sign = (length: number) =>
      sign1(customer.signing, customer.uid, type.mediaType, new Uint8Array(length));
    expect(readMessage(await sign(limits.messageBytes + 1), [type])).toMatchObject({ code: "too-large" });
    expect(readMessage(await sign(limits.messageBytes), [type])).toMatchObject({ code: "malformed" });
  });

  test("a large batch travels under its own limit", async () => {
    const entries = Array.from({ length: limits.batchEntries }, () => new Uint8Array(1000));
    const batch = await signMessage(
      noticeBatch,
      { ...plain(customer.uid, network, "batch"), entries },
      customer.signing,
    );
    const bytes = await sealMessage(batch, merchant.sealing, random());
    const opened = orThrow(await openMessage(bytes, [noticeBatch], ring(merchant)));
    expect(opened.payload.entries).toHaveLength(limits.batchEntries);
  });
});

describe("what is no envelope", () => {
  test.each([
    ["nothing", ""],
    ["one byte", "00"],
    ["a COSE_Sign1", Buffer.from(signed.bytes).toString("hex")],
    ["an empty COSE_Encrypt", "d86080"],
    ["a COSE_Encrypt without recipients", "d8608440a04080"],
  ])("%s is malformed, and no key is asked for", async (_, hex) => {
    const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
    expect(await openMessage(bytes, [type], unasked)).toMatchObject({ code: "malformed" });
  });

  test("a sealed message is no signed one", () => {
    expect(readMessage(sealed, [type])).toMatchObject({ code: "malformed" });
  });
});

/** A ring that must not be asked: what can be refused without a key is. */
function unasked(): never {
  throw new Error("the ring was asked for a key");
}

/** The plaintext with a mark and zeros up to the next 256 bytes. */
function padded(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil((bytes.length + 1) / 256) * 256);
  out.set(bytes);
  out[bytes.length] = 0x80;
  return out;
}

function replaced(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const out = bytes.slice();
  out.set(utf8(to), Buffer.from(bytes).indexOf(from));
  return out;
}
