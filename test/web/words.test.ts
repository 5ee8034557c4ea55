import { LeptaError } from "@lepta/peer-sdk";
import { errors } from "@lepta/protocol";
import { adviceOn, errorWords, outcomeWords } from "@lepta/web/words";
import { expect, test } from "vitest";

test("every error has words of its own that say what happened and what to do, and none of our own terms", () => {
  expect(Object.keys(errorWords).sort()).toEqual(Object.keys(errors).sort());
  for (const [code, { what, todo }] of Object.entries(errorWords)) {
    expect(what, code).toMatch(/^[A-Z].*\.$/);
    expect(todo, code).toMatch(/^[A-Z].*\.$/);
    expect(`${what} ${todo}`, code).not.toMatch(/scrip|txn|nonce|digest|payload|thumbprint|lane/i);
  }
});

test("what is thrown is told with its code, and what nobody knows as a failure", () => {
  expect(adviceOn(new LeptaError("declined"))).toMatchObject({ code: "declined" });
  expect(adviceOn(new TypeError("x is undefined"))).toMatchObject({ code: "internal" });
  expect(JSON.stringify(adviceOn(new TypeError("x is undefined")))).not.toContain("undefined");
});

test("an outcome that is done needs no words", () => {
  expect(outcomeWords("done")).toBeUndefined();
  expect(outcomeWords("declined")).toBe(errorWords.declined.what);
});
