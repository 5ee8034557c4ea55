/** Credentials in `Authorization`: ours, and mppx's. */
import { isRefusal, limits, orThrow, toText, utf8 } from "@lepta/protocol";
import fc from "fast-check";
import { Credential as Theirs } from "mppx";
import { describe, expect, test } from "vitest";
import { decodeRequest, encodeRequest } from "../../../peer-sdk/src/http/challenge.ts";
import { type Credential, formatCredential, readCredential } from "../../../peer-sdk/src/http/credential.ts";
import { byteString, challenge, record, text } from "./arbitraries.ts";

const plain = {
  id: "x",
  realm: "shop.example",
  method: "lepta",
  intent: "charge",
  request: encodeRequest({ amount: "20000" }),
};
const credential: fc.Arbitrary<Credential> = fc.record(
  { challenge, payload: record, source: text.filter((each) => each !== "") },
  { requiredKeys: ["challenge", "payload"] },
);
/** As JSON gives it back: without the differences that only JavaScript makes. */
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const headerOf = (json: unknown): string => `Payment ${toText(utf8(JSON.stringify(json)))}`;

describe("a credential", () => {
  test("is read as it was written, alone and beside other schemes", () => {
    fc.assert(
      fc.property(credential, (each) => {
        const header = formatCredential(each);
        expect(readCredential(header)).toEqual(asJson(each));
        expect(readCredential(`Basic YTpi, ${header}`)).toEqual(asJson(each));
        expect(readCredential(header.replace("Payment", "payMENT"))).toEqual(asJson(each));
      }),
    );
  });

  test("is read by mppx as we wrote it", () => {
    fc.assert(
      fc.property(credential, (each) => {
        const request = orThrow(decodeRequest(each.challenge.request));
        expect(Theirs.deserialize(formatCredential(each))).toEqual(
          asJson({ ...each, challenge: { ...each.challenge, request } }),
        );
      }),
    );
  });

  test("of mppx is read by us as they wrote it, every parameter of the challenge as we sent it", () => {
    fc.assert(
      fc.property(credential, (each) => {
        const request = orThrow(decodeRequest(each.challenge.request));
        const header = Theirs.serialize({ ...each, challenge: { ...each.challenge, request } });
        expect(readCredential(header)).toEqual(asJson(each));
      }),
    );
  });
});

describe("the reader of credentials", () => {
  test("finds none where none of ours was sent", () => {
    for (const header of [
      null,
      undefined,
      "",
      "Basic YTpi",
      "Bearer Payment",
      'Digest username="a, Payment b"',
      "Payments e30",
      "Bearer a b, Payment e30",
    ])
      expect(readCredential(header), String(header)).toBeUndefined();
  });

  test("finds malformed whatever is not exactly one credential", () => {
    const good = { challenge: plain, payload: { proof: "p" } };
    expect(isRefusal(readCredential(headerOf(good)))).toBe(false);
    const { id: _, ...withoutId } = plain;
    const bad = [
      "Payment",
      "Payment ",
      "Payment a b",
      "Payment realm=a",
      "Payment !",
      "Payment e30",
      `${headerOf(good)}, ${headerOf(good)}`,
      `${headerOf(good)}=`,
      headerOf([]),
      headerOf("text"),
      headerOf({ challenge: plain }),
      headerOf({ payload: {} }),
      headerOf({ ...good, more: 1 }),
      headerOf({ ...good, source: 1 }),
      headerOf({ ...good, source: null }),
      headerOf({ ...good, payload: [] }),
      headerOf({ ...good, payload: null }),
      headerOf({ ...good, payload: { proof: null } }),
      headerOf({ ...good, payload: { proof: 0.5 } }),
      headerOf({ ...good, payload: { proof: "\ud800" } }),
      headerOf({ ...good, payload: JSON.parse(`${'{"a":'.repeat(20)}{}${"}".repeat(20)}`) }),
      headerOf({ ...good, challenge: [plain] }),
      headerOf({ ...good, challenge: withoutId }),
      headerOf({ ...good, challenge: { ...plain, id: "" } }),
      headerOf({ ...good, challenge: { ...plain, id: 1 } }),
      headerOf({ ...good, challenge: { ...plain, request: { amount: "1" } } }),
      headerOf({ ...good, challenge: { ...plain, opaque: { a: "b" } } }),
      headerOf({ ...good, challenge: { ...plain, expires: null } }),
      headerOf({ ...good, challenge: { ...plain, method: "LEPTA" } }),
      headerOf({ ...good, challenge: { ...plain, more: "1" } }),
      headerOf({ ...good, challenge: { ...plain, realm: "a\nb" } }),
      headerOf({ ...good, challenge: { ...plain, realm: "shop|lepta" } }),
      headerOf({ ...good, payload: { proof: "p".repeat(limits.credentialLength) } }),
    ];
    for (const header of bad) {
      const read = readCredential(header);
      expect(isRefusal(read) && read.code, header.slice(0, 200)).toBe("malformed");
    }
  });

  test("reads any bytes without a fault", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), byteString, (bytes, any) => {
        expect(isRefusal(readCredential(`Payment ${toText(bytes)}`))).toBe(true);
        readCredential(any);
        const read = readCredential(`Payment ${any}`);
        expect(isRefusal(read)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
