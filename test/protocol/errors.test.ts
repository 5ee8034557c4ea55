import {
  type ErrorCode,
  errors,
  isErrorCode,
  isRefusal,
  isToRepeat,
  LeptaError,
  orThrow,
  refuse,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";

describe("the table of errors", () => {
  test.each(Object.entries(errors))(
    "says of %s what it means, whose fault it is and what to do",
    (code, entry) => {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
      // A refusal's reason travels in a field of 32 characters.
      expect(code.length).toBeLessThanOrEqual(32);
      expect(entry.meaning).toMatch(/^[A-Z].*\.$/s);
      expect(["sender", "recipient", "broker", "customer", "merchant", "nobody"]).toContain(entry.fault);
      expect(["same", "new", "no"]).toContain(entry.retry);
      expect(entry.status).toBeGreaterThanOrEqual(400);
      expect(entry.status).toBeLessThan(600);
    },
  );

  test("says of every code of the table whether the same bytes may be sent again", () => {
    for (const [code, { retry }] of Object.entries(errors) as [ErrorCode, { retry: string }][]) {
      expect(isErrorCode(code)).toBe(true);
      expect(isToRepeat(code), code).toBe(retry === "same");
    }
  });

  test("knows its codes and nothing that objects bring along", () => {
    expect(isErrorCode("malformed")).toBe(true);
    for (const text of ["", "Malformed", "constructor", "toString", "__proto__"])
      expect(isErrorCode(text)).toBe(false);
  });
});

describe("a refusal", () => {
  test("is a value, and an exception only for a caller who wants one", () => {
    const refusal = refuse("expired", "by a minute");
    expect(isRefusal(refusal)).toBe(true);
    expect(isRefusal({ code: "expired" })).toBe(false);
    expect(orThrow(7)).toBe(7);
    expect(() => orThrow(refusal)).toThrow(LeptaError);
    expect(() => orThrow(refusal)).toThrow(
      expect.objectContaining({ code: "expired", message: `${errors.expired.meaning} (by a minute)` }),
    );
    expect(new LeptaError("expired").message).toBe(errors.expired.meaning);
  });
});
