/** A statement over a lane's purchases as it is kept and sent, with the signatures of those who have signed it. */
import { embedded, field, optional, refined, struct, type Value } from "../schema.ts";

/** A statement and the signatures over it, each a COSE_Sign1 without its payload. One that misses is that side's refusal. */
export const signedStatement = refined(
  struct({
    statement: field(1, embedded(2048)),
    merchant: optional(2, embedded(256)),
    customer: optional(3, embedded(256)),
  }),
  ({ merchant, customer }) => merchant !== undefined || customer !== undefined,
  "a statement that nobody has signed",
);
/** A statement's bytes and the signatures over them that there are so far. */
export type SignedStatement = Value<typeof signedStatement>;
