import {
  type Amount,
  add,
  amountOf,
  brokerSpendCodec,
  checkGrant,
  concat,
  decodeAs,
  decodeCbor,
  encodeAs,
  epochOf,
  hmacSha256,
  type IssuerSecrets,
  idBytes,
  isGenuine,
  isProven,
  isRefusal,
  limits,
  type Minted,
  makeScripId,
  mint,
  nothing,
  type Order,
  orderHash,
  orThrow,
  proveSpend,
  readScrip,
  readSpend,
  returnSpendCodec,
  type ScripBody,
  type ScripTuple,
  scripBodyCodec,
  scripOf,
  sha256,
  subtract,
  toText,
  utf8,
} from "@lepta/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { customer, euro, fixed, merchant, network, now, stranger } from "../vectors/parties.ts";

const secrets: IssuerSecrets = { epochRoot: fixed("epoch root"), salt: fixed("salt") };
const draft: Omit<ScripBody, "version"> = {
  kind: "vendor",
  network,
  issuer: merchant.uid,
  owner: customer.uid,
  id: makeScripId(7, fixed("id", 12)),
  value: euro("1.00"),
  expiresAt: now + 1000,
};
const scrip = mint(secrets, draft);
const other = (change: Partial<ScripBody>): Minted => mint(secrets, { ...draft, ...change });

describe("scrip", () => {
  test("is genuine to the issuer that made it, under the secrets of this one scrip", () => {
    expect(isGenuine(secrets, scripOf(scrip.grant))).toBe(true);
    expect(isGenuine({ ...secrets, salt: fixed("another salt") }, scripOf(scrip.grant))).toBe(false);
    expect(isGenuine({ ...secrets, epochRoot: fixed("another root") }, scripOf(scrip.grant))).toBe(false);
    expect(isGenuine({ epochRoot: secrets.salt, salt: secrets.epochRoot }, scripOf(scrip.grant))).toBe(false);
  });

  test("is forged where any bit of its body or its certificate is another", () => {
    const [body, certificate] = scripOf(scrip.grant);
    for (const altered of flips(body)) expect(isGenuine(secrets, [altered, certificate])).toBe(false);
    for (const altered of flips(certificate)) expect(isGenuine(secrets, [body, altered])).toBe(false);
  });

  test("is forged where its certificate is cut, missing or that of another scrip", () => {
    const [body, certificate] = scripOf(scrip.grant);
    const [, foreign] = scripOf(other({ value: euro("1000.00") }).grant);
    for (const wrong of [
      certificate.subarray(0, 31),
      new Uint8Array(0),
      concat(certificate, certificate),
      foreign,
    ])
      expect(isGenuine(secrets, [body, wrong])).toBe(false);
  });

  test("reads as the body that was minted, of version 1", () => {
    expect(readScrip(scrip.grant.body)).toEqual({ version: 1, ...draft });
    expect(scrip.body).toEqual({ version: 1, ...draft });
    expect(encodeAs(scripBodyCodec, scrip.body)).toEqual(scrip.grant.body);
  });

  test("names its parent where it is change", () => {
    const change = other({ parent: draft.id, id: makeScripId(7, fixed("id of the change", 12)) });
    expect(readScrip(change.grant.body)).toMatchObject({ parent: draft.id });
    expect(readScrip(scrip.grant.body)).not.toHaveProperty("parent");
  });

  test("fits its place in a message whatever its values", () => {
    const largest = other({
      value: amountOf("EUR", limits.amount),
      expiresAt: Number.MAX_SAFE_INTEGER,
      parent: draft.id,
    });
    expect(largest.grant.body.length).toBeLessThanOrEqual(512);
  });

  test.each([
    ["of another version", 1, 2],
    ["of another kind", 2, "coin"],
    ["of a network of another length", 3, new Uint8Array(31)],
    ["of no value", 7, ["EUR", 0]],
    ["of negative value", 7, ["EUR", -1]],
    ["in a currency of two letters", 7, ["EU", 1]],
    ["that expires before 1970", 8, -1],
    ["with a parent of another length", 9, new Uint8Array(15)],
    ["with a field more", 10, 1],
  ])("%s is malformed", (_, key, value) => {
    const encoded = encodeAs(scripBodyCodec, { ...scrip.body, parent: draft.id });
    const map = decodeCbor(encoded) as Map<number, never>;
    expect(readScrip(encodeAs(raw, new Map([...map, [key, value as never]])))).toMatchObject({
      code: "malformed",
    });
    const without = new Map(map);
    without.delete(key);
    expect(isRefusal(readScrip(encodeAs(raw, without)))).toBe(key < 9);
  });
});

describe("a CustomerSecret", () => {
  test("is the HMAC of owner and id under a secret of epoch and salt, as the paper has it", () => {
    const label = concat(utf8("lepta/1 MasterCustomerSecret"), Uint8Array.of(0));
    const master = hmacSha256(secrets.epochRoot, label, secrets.salt);
    expect(scrip.customerSecret).toEqual(hmacSha256(master, idBytes(draft.owner), idBytes(draft.id)));
    expect(scrip.grant.secretHash).toEqual(sha256(scrip.customerSecret));
  });

  test("is another for each owner, id, salt and epoch root, and no function of the rest", () => {
    const all = [
      scrip,
      other({ owner: stranger.uid }),
      other({ id: makeScripId(7, fixed("another id", 12)) }),
      mint({ ...secrets, salt: fixed("another salt") }, draft),
      mint({ ...secrets, epochRoot: fixed("another root") }, draft),
    ].map(({ customerSecret }) => toText(customerSecret));
    expect(new Set(all).size).toBe(all.length);
    expect(toText(other({ value: euro("2.00") }).customerSecret)).toBe(all[0]);
  });

  test("is not the certificate, though both come of the same root and salt", () => {
    expect(toText(scrip.customerSecret)).not.toBe(toText(scrip.grant.certificate));
  });

  test("is in nothing that is signed: the grant holds its hash", () => {
    const { body, certificate, secretHash } = scrip.grant;
    const shown = Buffer.from(concat(body, certificate, secretHash));
    expect(shown.includes(Buffer.from(scrip.customerSecret))).toBe(false);
  });
});

describe("a spend", () => {
  const content = { scrip: scripOf(scrip.grant), amount: euro("0.02") };
  const spend = proveSpend(scrip.customerSecret, encodeAs(returnSpendCodec, content));

  test("is proven by the CustomerSecret and by no other", () => {
    expect(isProven(scrip.customerSecret, spend)).toBe(true);
    expect(isProven(other({ owner: stranger.uid }).customerSecret, spend)).toBe(false);
    expect(isProven(scrip.grant.secretHash, spend)).toBe(false);
    expect(isProven(new Uint8Array(0), spend)).toBe(false);
  });

  test("is not proven where any bit of its body or its pop is another", () => {
    const [body, pop] = spend;
    for (const altered of flips(body)) expect(isProven(scrip.customerSecret, [altered, pop])).toBe(false);
    for (const altered of flips(pop)) expect(isProven(scrip.customerSecret, [body, altered])).toBe(false);
    expect(isProven(scrip.customerSecret, [body, pop.subarray(0, 16)])).toBe(false);
  });

  test("is read in its own codec and refused in another's", () => {
    expect(readSpend(returnSpendCodec, spend)).toEqual(content);
    expect(readSpend(brokerSpendCodec, spend)).toMatchObject({ code: "malformed" });
    expect(decodeAs(returnSpendCodec, new Uint8Array(0))).toMatchObject({ code: "malformed" });
  });
});

describe("change", () => {
  test("and what was charged are the value that there was, whatever it was", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: limits.amount }), fc.bigInt({ min: 0n }), (value, charge) => {
        const charged: Amount = amountOf("EUR", charge % (value + 1n));
        const before = mint(secrets, { ...draft, value: amountOf("EUR", value) });
        const left = orThrow(subtract(before.body.value, charged));
        expect(add(left, charged)).toEqual(before.body.value);
        if (left.value === 0n) return;
        const after = mint({ ...secrets, salt: fixed("salt of change") }, { ...draft, value: left });
        const read = orThrow(readScrip(after.grant.body));
        expect(read.value.value + charged.value).toBe(value);
      }),
      { seed: 8, numRuns: 500 },
    );
  });

  test("is never more than there was, nor in another currency", () => {
    expect(subtract(scrip.body.value, euro("1.000001"))).toMatchObject({ code: "insufficient" });
    expect(subtract(scrip.body.value, amountOf("USD", 1n))).toMatchObject({ code: "wrong-currency" });
    expect(nothing("EUR")).toEqual({ currency: "EUR", value: 0n });
  });
});

describe("a scrip's id", () => {
  test("is 16 bytes that begin with the epoch", () => {
    for (const epoch of [0, 1, 7, 256, 65_536, 2 ** 31, 2 ** 32 - 1]) {
      const rest = fixed(`rest ${epoch}`, 12);
      const id = makeScripId(epoch, rest);
      expect(idBytes(id)).toHaveLength(16);
      expect(idBytes(id).subarray(4)).toEqual(rest);
      expect(epochOf(id)).toBe(epoch);
    }
  });

  test("keeps ids of different epochs and serials apart", () => {
    const ids = [0, 1, 256].flatMap((epoch) =>
      [0, 1].map((serial) => makeScripId(epoch, new Uint8Array(12).fill(serial))),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("a grant is taken", () => {
  const expected = { kind: "vendor", network, issuer: merchant.uid, owner: customer.uid } as const;

  test("where its body says what was agreed and the secret is the promised one", () => {
    expect(checkGrant(scrip.grant, scrip.customerSecret, expected)).toEqual(scrip.body);
    expect(checkGrant(scrip.grant, scrip.customerSecret, { ...expected, value: euro("1.00") })).toEqual(
      scrip.body,
    );
    expect(checkGrant(scrip.grant, undefined, expected)).toEqual(scrip.body);
  });

  test.each([
    ["another kind", { kind: "broker" as const }],
    ["another network", { network: stranger.uid }],
    ["another issuer", { issuer: stranger.uid }],
    ["another owner", { owner: stranger.uid }],
    ["less value", { value: euro("1.000001") }],
    ["more value", { value: euro("0.999999") }],
    ["another currency", { value: amountOf("USD", 1_000_000n) }],
  ])("and is refused where it is of %s than agreed", (_, change) => {
    expect(checkGrant(scrip.grant, scrip.customerSecret, { ...expected, ...change })).toMatchObject({
      code: "scrip-mismatch",
    });
  });

  test("and is refused where the secret is not the promised one", () => {
    for (const secret of [fixed("another secret"), new Uint8Array(0), scrip.customerSecret.subarray(0, 31)])
      expect(checkGrant(scrip.grant, secret, expected)).toMatchObject({ code: "bad-proof" });
  });

  test("and is refused where its body is none", () => {
    expect(checkGrant({ ...scrip.grant, body: utf8("no body") }, undefined, expected)).toMatchObject({
      code: "malformed",
    });
  });
});

describe("an order's hash", () => {
  const order: Order = { sku: "a", description: "b", unitPrice: euro("0.01"), quantity: 1 };
  const salt = fixed("salt of the order", 16);

  test("hides the order behind a salt and differs with each of its fields", () => {
    const hashes = [
      orderHash(salt, order),
      orderHash(fixed("another salt", 16), order),
      orderHash(salt, { ...order, sku: "b" }),
      orderHash(salt, { ...order, sku: "ab", description: "" }),
      orderHash(salt, { ...order, description: "" }),
      orderHash(salt, { ...order, unitPrice: euro("0.02") }),
      orderHash(salt, { ...order, unitPrice: amountOf("USD", 10_000n) }),
      orderHash(salt, { ...order, quantity: 2 }),
    ].map(toText);
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(toText(orderHash(salt.slice(), { ...order }))).toBe(hashes[0]);
  });
});

test("a forger who has seen any number of scrip has the certificate of no other body", () => {
  const seen: readonly ScripTuple[] = Array.from({ length: 50 }, (_, i) =>
    scripOf(other({ value: euro(`${i + 1}.00`) }).grant),
  );
  const [wanted] = scripOf(other({ value: euro("51.00") }).grant);
  for (const [, certificate] of seen) expect(isGenuine(secrets, [wanted, certificate])).toBe(false);
});

/** A codec that takes any CBOR value as it is. */
const raw = { shape: "any", encode: (value: never) => value, decode: (value: unknown) => value as never };

function* flips(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const altered = bytes.slice();
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    yield altered;
  }
}
