/** Anything that the headers of HTTP's payments may hold, for properties of their formats. */
import fc from "fast-check";
import { type Challenge, encodeRequest } from "../../../peer-sdk/src/http/challenge.ts";

const hasControls = (text: string): boolean => /\p{Cc}/u.test(text);

/** Unicode without control characters. */
export const text = fc.string({ unit: "grapheme", maxLength: 24 }).filter((each) => !hasControls(each));
/** What may come as a header's value: any bytes. */
export const byteString = fc.uint8Array({ maxLength: 32 }).map((bytes) => String.fromCharCode(...bytes));
const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,11}$/);

/** What canonical JSON of ours may hold. Names that JavaScript gives a meaning of its own are another test's. */
export const record = fc.dictionary(
  fc.string({ unit: "grapheme", maxLength: 8 }).filter((name) => name !== "__proto__"),
  fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string({ unit: "grapheme", maxLength: 12 }),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(word, tie("value"), { maxKeys: 3 }),
    ),
  })).value,
  { maxKeys: 6 },
);

export const timestamp = fc
  .date({ min: new Date(0), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true })
  .map((date) => date.toISOString());

/** Challenges as a server of ours could make them: no bar in what the id binds. */
export const challenge: fc.Arbitrary<Challenge> = fc.record(
  {
    id: fc.base64String({ minLength: 4, maxLength: 44 }),
    realm: text.map((each) => each.replaceAll("|", "")).filter((each) => each !== ""),
    method: word,
    intent: word,
    request: record.map(encodeRequest),
    expires: timestamp,
    digest: fc.base64String({ minLength: 44, maxLength: 44 }).map((each) => `sha-256=:${each}:`),
    description: text.filter((each) => each !== ""),
    opaque: record.map(encodeRequest),
  },
  { requiredKeys: ["id", "realm", "method", "intent", "request"] },
);
