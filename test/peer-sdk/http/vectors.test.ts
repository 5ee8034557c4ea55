/** The frozen headers of HTTP: made today as they were frozen, read by us and by mppx, and computed again by Node's own means. */
import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { isRefusal, orThrow } from "@lepta/protocol";
import { Challenge as Theirs } from "mppx";
import { describe, expect, test } from "vitest";
import { type Challenge, isBound, parseChallenges } from "../../../peer-sdk/src/http/challenge.ts";
import { digestFits } from "../../../peer-sdk/src/http/content-digest.ts";
import { readCredential } from "../../../peer-sdk/src/http/credential.ts";
import { readPaymentReceipt } from "../../../peer-sdk/src/http/payment-receipt.ts";
import { readTerms, writeTerms } from "../../../peer-sdk/src/http/terms.ts";
import { type HttpVector, makeHttpVector } from "../../vectors/http.ts";

const vector: HttpVector = JSON.parse(
  readFileSync(new URL("../../vectors/http.json", import.meta.url), "utf8"),
);
const fromHex = (text: string): Buffer => Buffer.from(text, "hex");
const sha256 = (bytes: string | Buffer): Buffer => createHash("sha256").update(bytes).digest();
const hmac = (key: string, text: string | Buffer): string =>
  createHmac("sha256", fromHex(key)).update(text).digest("base64url");

test("what was frozen is made today, to the last character", async () => {
  expect(JSON.parse(JSON.stringify(await makeHttpVector()))).toEqual(vector);
});

test.each(vector.terms)("terms are read, and written the same: $json", ({ json, request }) => {
  expect(Buffer.from(request, "base64url").toString()).toBe(json);
  expect(writeTerms(orThrow(readTerms(request)))).toBe(request);
});

test.each(vector.badTerms)("terms with $description are refused", ({ text, code }) => {
  expect(readTerms(text)).toMatchObject({ code });
});

describe.each(vector.challenges)("a challenge ($description)", ({ challenge, hmacInput, header }) => {
  test("has the id that its slots make under the secret", () => {
    expect(hmac(vector.secretHex, hmacInput)).toBe(challenge.id);
    expect(isBound(fromHex(vector.secretHex), challenge)).toBe(true);
  });

  test("is in its header, for us and for mppx", () => {
    expect(parseChallenges(header)).toEqual([challenge]);
    expect(Theirs.deserialize(header)).toMatchObject({ id: challenge.id, method: "lepta" });
  });

  test("is another's when anything of it but the description is altered", () => {
    for (const name of Object.keys(challenge) as (keyof Challenge)[]) {
      const altered = { ...challenge, [name]: `${challenge[name]}x` };
      expect(isBound(fromHex(vector.secretHex), altered), name).toBe(name === "description");
    }
  });
});

test.each(vector.contentDigests)("the digest of a body is RFC 9530's: $digest", ({ bodyHex, digest }) => {
  expect(digest).toBe(`sha-256=:${sha256(fromHex(bodyHex)).toString("base64")}:`);
  expect(digestFits(digest, fromHex(bodyHex))).toBe(true);
  expect(digestFits(digest, fromHex(`${bodyHex}00`))).toBe(false);
});

test("the name of a purchase and its proof follow from lane, secret and challenge", () => {
  const { session } = vector;
  const [lane, sequence] = [Buffer.alloc(8), Buffer.alloc(8)];
  lane.writeBigUInt64BE(BigInt(session.lane));
  sequence.writeBigUInt64BE(BigInt(session.sequence));
  const origin = sha256(Buffer.concat([fromHex(session.openingHex), lane, fromHex(session.scripHex)]));
  expect(origin.toString("hex")).toBe(session.originHex);
  const name = Buffer.concat([origin.subarray(0, 8), sequence]).toString("base64url");
  expect(name).toBe(session.purchase);
  const input = `lepta/1 http${session.challengeId}${name}`;
  expect(fromHex(session.hmacInputHex).toString()).toBe(input);
  expect(session.payload).toEqual({ purchase: name, proof: hmac(session.customerSecretHex, input) });
  const { proof, purchase } = session.payload;
  const payment = sha256(`{"proof":"${proof}","purchase":"${purchase}"}`).toString("base64url");
  expect(session.payment).toBe(payment);
});

test("the credential and the receipt are in their headers", () => {
  expect(readCredential(vector.credential.header)).toEqual(vector.credential.value);
  expect(readPaymentReceipt(vector.receipt.header)).toEqual(vector.receipt.value);
});

test.each(vector.badCredentials)("a credential with $description is refused", ({ text, code }) => {
  const read = readCredential(text);
  expect(isRefusal(read) && read.code).toBe(code);
});

test("what was sold states the challenge, the status and the digest of the body", () => {
  const { json, bodyHex, status } = vector.goods;
  const digest = `sha-256=:${sha256(fromHex(bodyHex)).toString("base64")}:`;
  expect(JSON.parse(json)).toEqual({
    challenge: vector.session.challengeId,
    status,
    "content-digest": digest,
  });
});
