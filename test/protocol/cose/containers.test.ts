import {
  type Cbor,
  encodeCbor,
  isRefusal,
  orThrow,
  readEncrypt,
  readSign1,
  sign1,
  Tagged,
  utf8,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { customer, fixed, merchant, repeatable } from "../../vectors/parties.ts";

const kid = fixed("kid");
const payload = utf8("payload");
const signature = new Uint8Array(64);
const head = (...entries: readonly (readonly [number, Cbor])[]): Uint8Array => encodeCbor(new Map(entries));
const goodHead = head([1, -7], [3, "type"], [4, kid]);

describe("a COSE_Sign1", () => {
  const container = (...items: readonly Cbor[]): Uint8Array => encodeCbor(new Tagged(18, items));

  test("is read into its parts", async () => {
    const bytes = await sign1(customer.signing, customer.uid, "type", payload);
    expect(readSign1(bytes)).toMatchObject({ alg: -7, contentType: "type", kid: customer.uid, payload });
    expect(isRefusal(readSign1(container(goodHead, new Map(), payload, signature)))).toBe(false);
  });

  test("is signed over its protected header as it came, the external data and the payload", () => {
    const { toBeSigned } = orThrow(readSign1(container(goodHead, new Map(), payload, signature)));
    expect(toBeSigned).toEqual(encodeCbor(["Signature1", goodHead, utf8("lepta/1"), payload]));
  });

  test.each<[string, Uint8Array]>([
    ["no tag", encodeCbor([goodHead, new Map(), payload, signature])],
    ["the tag of COSE_Encrypt", encodeCbor(new Tagged(96, [goodHead, new Map(), payload, signature]))],
    [
      "a tag around its tag",
      encodeCbor(new Tagged(61, new Tagged(18, [goodHead, new Map(), payload, signature]))),
    ],
    ["three items", container(goodHead, new Map(), payload)],
    ["five items", container(goodHead, new Map(), payload, signature, 0)],
    ["an unprotected header", container(goodHead, new Map([[4, kid]]), payload, signature)],
    ["an array for the unprotected header", container(goodHead, [], payload, signature)],
    ["a detached payload", container(goodHead, new Map(), null, signature)],
    ["a payload of text", container(goodHead, new Map(), "payload", signature)],
    ["no signature", container(goodHead, new Map(), payload, null)],
    ["a protected header that is a map", container(new Map([[1, -7]]), new Map(), payload, signature)],
    ["an empty protected header", container(new Uint8Array(0), new Map(), payload, signature)],
    ["a protected header that is no CBOR", container(utf8("\u{ff}"), new Map(), payload, signature)],
    ["a protected header that is an array", container(encodeCbor([1, 3, 4]), new Map(), payload, signature)],
    ["no algorithm", container(head([2, -7], [3, "type"], [4, kid]), new Map(), payload, signature)],
    [
      "an algorithm by name",
      container(head([1, "ES256"], [3, "type"], [4, kid]), new Map(), payload, signature),
    ],
    ["a numeric content type", container(head([1, -7], [3, 60], [4, kid]), new Map(), payload, signature)],
    [
      "a short key id",
      container(head([1, -7], [3, "type"], [4, kid.subarray(1)]), new Map(), payload, signature),
    ],
    [
      "a text key id",
      container(head([1, -7], [3, "type"], [4, customer.uid]), new Map(), payload, signature),
    ],
    [
      "a critical header more",
      container(head([1, -7], [2, [99]], [3, "type"], [4, kid]), new Map(), payload, signature),
    ],
  ])("with %s is malformed", (_, bytes) => {
    expect(readSign1(bytes)).toMatchObject({ code: "malformed" });
  });
});

describe("a COSE_Encrypt", () => {
  const ephemeral = new Map<number, Cbor>([
    [1, 1],
    [-1, 4],
    [-2, fixed("x")],
  ]);
  const body = head([1, 3], [3, "type"], [5, fixed("iv", 12)]);
  const to = head([1, -25], [4, kid], [-1, ephemeral]);
  const recipient: Cbor = [to, new Map(), new Uint8Array(0)];
  const content = new Uint8Array(32);
  const container = (...items: readonly Cbor[]): Uint8Array => encodeCbor(new Tagged(96, items));

  test("is read into its layers", async () => {
    const bytes = await merchant.sealing.seal("type", payload, repeatable("container"));
    expect(readEncrypt(bytes)).toMatchObject({ contentType: "type", kid: merchant.opening.id });
    expect(isRefusal(readEncrypt(container(body, new Map(), content, [recipient])))).toBe(false);
  });

  test.each<[string, Uint8Array]>([
    ["no tag", encodeCbor([body, new Map(), content, [recipient]])],
    ["the tag of COSE_Sign1", encodeCbor(new Tagged(18, [body, new Map(), content, [recipient]]))],
    ["three items", container(body, new Map(), content)],
    ["five items", container(body, new Map(), content, [recipient], 0)],
    ["no recipient", container(body, new Map(), content, [])],
    ["two recipients", container(body, new Map(), content, [recipient, recipient])],
    ["a recipient that is no layer", container(body, new Map(), content, [to])],
    [
      "a recipient of a recipient",
      container(body, new Map(), content, [[to, new Map(), new Uint8Array(0), [recipient]]]),
    ],
    ["no ciphertext", container(body, new Map(), null, [recipient])],
    ["no content type", container(head([1, 3], [5, fixed("iv", 12)]), new Map(), content, [recipient])],
    ["a numeric content type", container(head([1, 3], [3, 60]), new Map(), content, [recipient])],
    ["no key id", container(body, new Map(), content, [[head([1, -25]), new Map(), new Uint8Array(0)]])],
    [
      "a short key id",
      container(body, new Map(), content, [[head([4, new Uint8Array(31)]), new Map(), new Uint8Array(0)]]),
    ],
    ["an empty map for a protected header", container(head(), new Map([[3, "type"]]), content, [recipient])],
    ["a protected header that is no CBOR", container(utf8("\u{ff}"), new Map(), content, [recipient])],
  ])("with %s is malformed", (_, bytes) => {
    expect(readEncrypt(bytes)).toMatchObject({ code: "malformed" });
  });
});
