/** Challenges in `WWW-Authenticate`: ours, and mppx's beside them. */
import { isRefusal, limits, orThrow, toText, utf8 } from "@lepta/protocol";
import fc from "fast-check";
import { Challenge as Theirs } from "mppx";
import { describe, expect, test } from "vitest";
import {
  challengeId,
  decodeRequest,
  encodeRequest,
  formatChallenge,
  isBound,
  parseChallenges,
} from "../../../peer-sdk/src/http/challenge.ts";
import { byteString, challenge, record, text } from "./arbitraries.ts";

const SECRET = "a secret of the server's";
const plain = {
  id: "x",
  realm: "shop.example",
  method: "lepta",
  intent: "charge",
  request: encodeRequest({ amount: "20000" }),
};

/** The challenge as mppx takes it. */
const forMppx = ({ request, ...rest }: typeof plain) => ({
  ...rest,
  request: orThrow(decodeRequest(request)),
});

describe("a challenge", () => {
  test("is read as it was written, alone, beside others of ours, and beside other schemes", () => {
    fc.assert(
      fc.property(challenge, challenge, (one, other) => {
        const [a, b] = [formatChallenge(one), formatChallenge(other)];
        expect(parseChallenges(a)).toEqual([one]);
        expect(
          parseChallenges(`Basic realm="Payment id=\\"1\\", x", ${a}, Negotiate abc==,${b}, Bearer`),
        ).toEqual([one, other]);
      }),
    );
  });

  test("can stand in a header, whatever its texts are", () => {
    fc.assert(
      fc.property(challenge, (each) => {
        const value = formatChallenge(each);
        expect(value).toMatch(/^[ -~]*$/);
        expect(new Headers({ "www-authenticate": value }).get("www-authenticate")).toBe(value);
      }),
    );
  });

  test("with a control character, or half a surrogate pair, is not written", () => {
    for (const bad of ["\r\nSet-Cookie: a=b", "\0", "\u007f", "\u009b31m", "\ud83d"])
      expect(() => formatChallenge({ ...plain, description: bad })).toThrow(TypeError);
  });

  test("is read by mppx as we wrote it", () => {
    fc.assert(
      fc.property(challenge, (each) => {
        const theirs = Theirs.deserialize(formatChallenge(each));
        expect(theirs).toEqual({ ...each, request: forMppx(each).request });
        expect(Theirs.serialize(theirs)).toContain(`request="${each.request}"`);
      }),
    );
  });

  test("of mppx is read by us as they wrote it", () => {
    fc.assert(
      fc.property(challenge, (each) => {
        expect(parseChallenges(Theirs.serialize(Theirs.from(forMppx(each))))).toEqual([each]);
      }),
    );
  });

  test("among several is found by mppx as well", () => {
    const header = `Basic realm="a", ${formatChallenge(plain)}, ${formatChallenge({ ...plain, id: "y" })}`;
    expect(Theirs.deserializeList(header).map(({ id }) => id)).toEqual(["x", "y"]);
  });
});

describe("the id of a challenge", () => {
  test("is the one that mppx makes under the same secret", () => {
    fc.assert(
      fc.property(challenge, fc.string({ minLength: 1 }), (each, secret) => {
        const theirs = Theirs.from({ ...forMppx(each), id: undefined, secretKey: secret });
        const id = challengeId(utf8(secret), each);
        expect(id).toBe(theirs.id);
        expect(
          Theirs.verify(Theirs.deserialize(formatChallenge({ ...each, id })), { secretKey: secret }),
        ).toBe(true);
      }),
    );
  });

  test("binds everything but the description", () => {
    fc.assert(
      fc.property(challenge, challenge, (one, other) => {
        const made = { ...one, id: challengeId(utf8(SECRET), one) };
        expect(isBound(utf8(SECRET), made)).toBe(true);
        expect(isBound(utf8("another"), made)).toBe(false);
        expect(isBound(utf8(SECRET), { ...made, description: "anything" })).toBe(true);
        for (const name of ["realm", "method", "intent", "request", "expires", "digest", "opaque"] as const) {
          const { [name]: taken, ...without } = made;
          const given = other[name];
          if (given !== undefined && given !== taken)
            expect(isBound(utf8(SECRET), { ...made, [name]: given })).toBe(false);
          if (taken !== undefined)
            expect(isBound(utf8(SECRET), { ...without, [name]: "" } as typeof made)).toBe(false);
        }
      }),
    );
  });

  test("is not made where a bar in one slot could stand for the end of it", () => {
    expect(() => challengeId(utf8(SECRET), { ...plain, realm: "shop|lepta" })).toThrow(TypeError);
  });
});

describe("the reader of challenges", () => {
  test("takes tokens, escapes, tabs, empty elements and any case, and leaves out parameters that it does not know", () => {
    const { request } = plain;
    const header = `, ,payment\tID=abc , Realm = "a \\"b\\" \\\\", method=lepta, intent="ch\\arge",request=${request}, new="x",, `;
    expect(parseChallenges(header)).toEqual([{ ...plain, id: "abc", realm: 'a "b" \\', intent: "charge" }]);
  });

  test("leaves out what is no whole challenge, and nothing else", () => {
    const good = formatChallenge(plain);
    for (const bad of [
      "Payment",
      "Payment abc",
      'Payment id="1", realm="r", method="lepta", intent="charge"',
      good.replace('id="x"', 'id=""'),
      good.replace("lepta", "Lepta"),
      `${good}, id="twice"`,
      `${good}, realm="a", REALM="a"`,
      good.replace("shop", "\\u000d"),
      `${good}, header="X-Payment"`,
    ])
      expect(parseChallenges(`${bad}, ${good}`), bad).toEqual([plain]);
    expect(parseChallenges(`${good}, header="Authorization"`)).toEqual([plain]);
  });

  test("stops where the header cannot be read, with what stood whole before", () => {
    const good = formatChallenge(plain);
    for (const bad of ['Basic realm="', "Basic a b", '"', 'Basic realm="a"b', 'Payment id="a" realm="b"'])
      expect(parseChallenges(`${good}, ${bad}, ${good}`), bad).toEqual([plain]);
  });

  test("reads any text without a fault, and only within its bounds", () => {
    fc.assert(
      fc.property(fc.oneof(byteString, text), (any) => {
        for (const header of [any, `Payment ${any}`, `${formatChallenge(plain).slice(0, -3)}${any}`])
          for (const read of parseChallenges(header))
            expect(Object.keys(read)).toEqual(expect.arrayContaining(["id"]));
      }),
      { numRuns: 500 },
    );
    const good = formatChallenge(plain);
    expect(
      parseChallenges(
        Array(limits.challenges + 5)
          .fill(good)
          .join(", "),
      ),
    ).toHaveLength(limits.challenges);
    expect(parseChallenges(good + " ".repeat(limits.challengesLength))).toEqual([]);
    const many = Array.from({ length: limits.challengeParameters }, (_, i) => `x${i}=1`).join(", ");
    expect(parseChallenges(`${good}, ${many}`)).toEqual([]);
  });
});

describe("the request of a challenge", () => {
  test("is read as it was written", () => {
    fc.assert(
      fc.property(record, (each) => {
        expect(orThrow(decodeRequest(encodeRequest(each)))).toEqual(JSON.parse(JSON.stringify(each)));
      }),
    );
  });

  test("in another spelling than its only one is malformed", () => {
    for (const spelling of [
      '{"b":1,"a":2}',
      '{"a": 1}',
      '{"a":"1","a":"1000"}',
      '{"a":1.0}',
      '{"a":0.5}',
      '{"a":null}',
      '"a"',
      "[1]",
      "{",
      "",
      '\ufeff{"a":1}',
    ]) {
      const read = decodeRequest(toText(utf8(spelling)));
      expect(isRefusal(read) && read.code, spelling).toBe("malformed");
    }
    for (const bad of [
      "e30=",
      "e31",
      "e",
      "e30 ",
      `${"e".repeat(limits.credentialLength)}e30`,
      toText(new Uint8Array([0x22, 0xff, 0x22])),
    ])
      expect(isRefusal(decodeRequest(bad)), bad).toBe(true);
    expect(decodeRequest("e30")).toEqual({});
  });
});
