/** The table of outstanding scrip, measured in a process of its own: ten million scrips leave nothing behind. */
import { answerCalls, type OutstandingCalls } from "./calls.ts";
import { measureOutstanding } from "./outstanding.ts";

answerCalls({
  measure: (options) => measureOutstanding(options),
} satisfies OutstandingCalls);
