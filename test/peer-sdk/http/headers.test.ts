/** The other headers of the scheme, and its problems. */
import { isRefusal, toText, utf8 } from "@lepta/protocol";
import fc from "fast-check";
import { BodyDigest, Errors, Receipt as Theirs } from "mppx";
import { describe, expect, test } from "vitest";
import { choose, parseAcceptPayment } from "../../../peer-sdk/src/http/accept-payment.ts";
import { contentDigest, digestFits } from "../../../peer-sdk/src/http/content-digest.ts";
import { formatPaymentReceipt, readPaymentReceipt } from "../../../peer-sdk/src/http/payment-receipt.ts";
import {
  type ProblemName,
  problemResponse,
  problems,
  problemType,
} from "../../../peer-sdk/src/http/problem.ts";
import { record, text, timestamp } from "./arbitraries.ts";

describe("a receipt of HTTP", () => {
  const receipt = fc
    .tuple(record, fc.record({ method: text, reference: text, timestamp }))
    .map(([others, own]) => ({ ...others, ...own, status: "success" as const }));

  test("is read as it was written, by us and by mppx", () => {
    fc.assert(
      fc.property(receipt, (each) => {
        const header = formatPaymentReceipt(each);
        expect(readPaymentReceipt(header)).toEqual(JSON.parse(JSON.stringify(each)));
        const { method, reference, status } = each;
        expect(Theirs.deserialize(header)).toMatchObject({
          method,
          reference,
          status,
          timestamp: each.timestamp,
        });
        expect(
          readPaymentReceipt(Theirs.serialize({ method, reference, status, timestamp: each.timestamp })),
        ).toEqual({
          method,
          reference,
          status,
          timestamp: each.timestamp,
        });
      }),
    );
  });

  test("that says no success, or not what a receipt says, is malformed", () => {
    const good = {
      status: "success" as const,
      method: "lepta",
      reference: "r",
      timestamp: "2026-12-01T00:00:00Z",
    };
    expect(readPaymentReceipt(toText(utf8(JSON.stringify(good))))).toEqual(good);
    for (const bad of [
      { ...good, status: "failed" },
      { ...good, timestamp: "today" },
      { ...good, reference: 1 },
      { status: "success" },
    ]) {
      const read = readPaymentReceipt(toText(utf8(JSON.stringify(bad))));
      expect(isRefusal(read) && read.code).toBe("malformed");
      expect(() => formatPaymentReceipt(bad as typeof good)).toThrow(TypeError);
    }
  });
});

describe("Accept-Payment", () => {
  const offered = [
    { method: "lepta", intent: "session" },
    { method: "lepta", intent: "charge" },
    { method: "tempo", intent: "charge" },
  ];
  const named = (header: string | null | undefined): readonly string[] =>
    choose(offered, header).map(({ method, intent }) => `${method}/${intent}`);

  test("puts what is liked best first, and leaves out what is not accepted", () => {
    expect(named("lepta/charge, tempo/*;q=0.5")).toEqual(["lepta/charge", "tempo/charge"]);
    expect(named("tempo/charge, lepta/*;q=0.001")).toEqual(["tempo/charge", "lepta/session", "lepta/charge"]);
    expect(named("stripe/charge")).toEqual([]);
  });

  test("says more by its closest entry, whatever a wider one says", () => {
    expect(named("lepta/session;q=0, */*")).toEqual(["lepta/charge", "tempo/charge"]);
    expect(named("*/charge;q=0.2, lepta/charge ; q = 0.1")).toEqual(["tempo/charge", "lepta/charge"]);
  });

  test("absent or unreadable leaves all offers as they are", () => {
    for (const header of [
      null,
      undefined,
      "",
      " , ",
      "lepta",
      "lepta/charge;q=2",
      "a/b;q",
      "Lepta/charge",
      "a/b/c",
      "a/b, (",
      Array(99).fill("a/b").join(),
    ])
      expect(named(header), String(header)).toEqual(["lepta/session", "lepta/charge", "tempo/charge"]);
  });

  test("is read entry by entry", () => {
    expect(parseAcceptPayment("lepta/charge;level=1;q=0.25 ,*/*;q=0.")).toEqual([
      { method: "lepta", intent: "charge", q: 0.25 },
      { method: "*", intent: "*", q: 0 },
    ]);
  });
});

describe("the digest of a body", () => {
  test("is mppx's, in the spelling of RFC 9530", () => {
    fc.assert(
      fc.property(text, fc.uint8Array(), (body, other) => {
        const [ours, theirs] = [contentDigest(utf8(body)), BodyDigest.compute(body)];
        expect(ours.replaceAll(":", "")).toBe(theirs);
        for (const digest of [ours, theirs]) {
          expect(digestFits(digest, utf8(body))).toBe(true);
          expect(digestFits(digest, Uint8Array.of(...other, 0))).toBe(false);
        }
      }),
    );
  });

  test("is the one of RFC 9530's appendix", () => {
    expect(contentDigest(utf8('{"hello": "world"}\n'))).toBe(
      "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
    );
  });

  test("of nothing or of another kind fits no body", () => {
    for (const digest of ["", "sha-256=", "sha-512=:x:", "sha-256=::"])
      expect(digestFits(digest, utf8(""))).toBe(false);
  });
});

describe("a problem", () => {
  test("is answered with its type, our code and a fresh challenge, and stored by nobody", async () => {
    const response = problemResponse({
      problem: "verification-failed",
      code: "scrip-spent",
      detail: "The scrip was spent before.",
      challengeId: "x",
      challenges: ['Payment id="x"', 'Payment id="y"'],
    });
    expect(response.status).toBe(402);
    expect(Object.fromEntries(response.headers)).toEqual({
      "cache-control": "no-store",
      "content-type": "application/problem+json",
      "www-authenticate": 'Payment id="x", Payment id="y"',
    });
    expect(await response.json()).toEqual({
      type: "https://paymentauth.org/problems/verification-failed",
      title: "Verification Failed",
      status: 402,
      detail: "The scrip was spent before.",
      code: "scrip-spent",
      challengeId: "x",
    });
  });

  test("can be answered with another status than its type's, where a policy refuses what was paid well", async () => {
    const response = problemResponse({ problem: "verification-failed", status: 403, code: "frozen" });
    expect(response.status).toBe(403);
    expect(response.headers.has("www-authenticate")).toBe(false);
    expect(await response.json()).toMatchObject({ status: 403, code: "frozen" });
  });

  test("has the type, title and status that mppx gives it", () => {
    const theirs = Object.values(Errors)
      .filter((each) => typeof each === "function" && each !== Errors.PaymentError)
      .map((Each) => new (Each as new () => Errors.PaymentError)().toProblemDetails());
    for (const [name, { title, status }] of Object.entries(problems))
      expect(theirs).toContainEqual(
        expect.objectContaining({ type: problemType(name as ProblemName), title, status }),
      );
  });
});
