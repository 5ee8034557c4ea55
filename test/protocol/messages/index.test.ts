import { ANYBODY, idBytes, limits, messageByMediaType, messages } from "@lepta/protocol";
import { describe, expect, test } from "vitest";

describe("the types of messages", () => {
  test("are told apart by name and by media type", () => {
    expect(new Set(messages.map(({ name }) => name)).size).toBe(messages.length);
    expect(messageByMediaType.size).toBe(messages.length);
    for (const type of messages) {
      expect(type.name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(type.mediaType).toBe(`application/lepta.${type.name}+cbor`);
      expect(messageByMediaType.get(type.mediaType)).toBe(type);
    }
  });

  test.each(messages)("$name has fields from 10 on, each with a key of its own", ({ fields }) => {
    const keys = Object.values(fields).map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) expect(key).toBeGreaterThanOrEqual(10);
    for (const name of ["version", "network", "type", "from", "to", "txn", "issuedAt", "expiresAt"])
      expect(Object.keys(fields)).not.toContain(name);
  });

  test.each(messages)("$name has a limit, and 16 KiB unless it carries many or goods", ({ name, limit }) => {
    const larger: Readonly<Record<string, number>> = {
      "notice-batch": limits.batchBytes,
      "purchase-response": limits.goodsBytes,
      offer: limits.offerBytes,
      acknowledgement: 64 * 1024,
      "account-response": limits.offerBytes,
      "holdings-response": limits.offerBytes,
    };
    expect(limit).toBe(larger[name] ?? limits.messageBytes);
  });

  test.each(messages)("$name names its request where it is an answer to one", ({ kind, fields }) => {
    expect("request" in fields).toBe(kind === "answer");
  });
});

test("anybody is 32 zero bytes, which is nobody's key", () => {
  expect(idBytes(ANYBODY)).toEqual(new Uint8Array(32));
});
