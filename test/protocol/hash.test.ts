import { createHash, createHmac } from "node:crypto";
import { concat, derive, hmacSha256, toText, utf8 } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import * as node from "../../protocol/src/platform/hash-node.ts";
import * as web from "../../protocol/src/platform/hash-web.ts";
import { fixed } from "../vectors/parties.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const platforms = [
  ["node:crypto", node],
  ["@noble/hashes", web],
] as const;

describe.each(platforms)("SHA-256 on %s", (_, { sha256 }) => {
  test("is what FIPS 180-4 says", () => {
    expect(hex(sha256(utf8("abc")))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(hex(sha256())).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  test("is over its parts as over one string", () => {
    expect(sha256(utf8("a"), new Uint8Array(0), utf8("bc"))).toEqual(sha256(utf8("abc")));
    const large = new Uint8Array(100_000).fill(1);
    expect(hex(sha256(large, large))).toBe(createHash("sha256").update(large).update(large).digest("hex"));
  });

  test("hands out bytes of its own", () => {
    const first = sha256(utf8("abc"));
    first.fill(0);
    expect(hex(sha256(utf8("abc")))).toMatch(/^ba7816bf/);
    expect(first).not.toBeInstanceOf(Buffer);
  });
});

describe.each(platforms)("HMAC-SHA256 on %s", (_, { hmacSha256 }) => {
  test("is what RFC 4231 says, for short keys and long", () => {
    expect(hex(hmacSha256(utf8("Jefe"), utf8("what do ya want "), utf8("for nothing?")))).toBe(
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
    const key = new Uint8Array(131).fill(0xaa);
    expect(hex(hmacSha256(key, utf8("Test Using Larger Than Block-Size Key - Hash Key First")))).toBe(
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    );
  });

  test("is what node's own is, for keys and data of any length", () => {
    for (const keyLength of [0, 1, 31, 32, 63, 64, 65, 200])
      for (const length of [0, 1, 32, 64, 400, 4031, 4032, 4033, 4096, 10_000]) {
        const key = new Uint8Array(keyLength).map((_, i) => 255 - i);
        const data = new Uint8Array(length).map((_, i) => i);
        const expected = createHmac("sha256", key).update(data).digest("hex");
        const middle = length >> 1;
        expect(hex(hmacSha256(key, data))).toBe(expected);
        expect(hex(hmacSha256(key, data.subarray(0, middle), data.subarray(middle)))).toBe(expected);
        expect(hex(hmacSha256(key, hmacSha256(key, data)))).not.toBe(expected);
      }
  });

  test("takes an empty key for what it is", () => {
    const expected = createHmac("sha256", "").update("data").digest("hex");
    expect(hex(hmacSha256(new Uint8Array(0), utf8("data")))).toBe(expected);
  });
});

describe("a derived secret", () => {
  test("is an HMAC under a label of this protocol that ends before its context begins", () => {
    const key = fixed("key");
    const label = concat(utf8("lepta/1 purpose"), Uint8Array.of(0));
    expect(derive(key, "purpose", utf8("context"))).toEqual(hmacSha256(key, label, utf8("context")));
  });

  test("is another for another key, label or context", () => {
    const all = [
      derive(fixed("key"), "purpose", utf8("context")),
      derive(fixed("another key"), "purpose", utf8("context")),
      derive(fixed("key"), "another purpose", utf8("context")),
      derive(fixed("key"), "purpose", utf8("another context")),
      derive(fixed("key"), "purpose"),
      derive(fixed("key"), "purposecontext"),
    ].map(toText);
    expect(new Set(all).size).toBe(all.length);
  });
});
