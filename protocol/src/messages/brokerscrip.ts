/** Figure 6: obtain BrokerScrip. */
import { limits } from "../core-limits.ts";
import { amount, field, optional, scripId, text } from "../schema.ts";
import { message } from "./define.ts";
import { grantCodec, recordCodec, verdict } from "./parts.ts";

/** M0, C → B. The signature identifies the enrolled account. */
export const brokerscripRequest = message("brokerscrip-request", "request", {
  amount: field(10, amount),
});

/** M1, B → C. */
export const brokerscripResponse = message("brokerscrip-response", "answer", {
  ...verdict,
  record: optional(14, recordCodec),
  /** The one live BrokerScrip: the sum of what was bought and what was live before. */
  grant: optional(15, grantCodec),
  /** The scrip in whose place it stands. */
  replaced: optional(16, scripId),
  amount: optional(17, amount),
  /** The funding rail's reference of the charge. */
  reference: optional(18, text(limits.referenceLength)),
});
