/** M2 on a lane: what a merchant says, and reads again from its own journal. */
import {
  decodeAs,
  type ErrorCode,
  encodeAs,
  isRefusal,
  LeptaError,
  laneRefused,
  laneSold,
  type Or,
} from "@lepta/protocol";
import { itemKind } from "../../session/session.ts";

/** The number of item 4. */
const SOLD = 4;

/** Item 5: the purchase counts, and the value stays. */
export const refusalOf = (lane: number, sequence: number, code: ErrorCode, remaining: number): Uint8Array =>
  encodeAs(laneRefused, [5, lane, sequence, code, remaining]);

/** What an answer of ours said. Throws `store-damaged` where it is none, or does not follow on what remained before it. */
export function answerOf(
  answered: Uint8Array,
  before: number,
): { readonly charged: number; readonly remaining: number; readonly code: string | undefined } {
  const answer = answeredOf(answered);
  if (isRefusal(answer)) throw new LeptaError("store-damaged", "an answer on a lane");
  if (answer.charged + answer.remaining !== before)
    throw new LeptaError("store-damaged", "the sum of a lane");
  return answer;
}

/** What an item 4 or 5 says of the money, in millionths. */
export function answeredOf(
  answered: Uint8Array,
): Or<{ readonly charged: number; readonly remaining: number; readonly code: string | undefined }> {
  if (itemKind(answered) === SOLD) {
    const sold = decodeAs(laneSold, answered);
    if (isRefusal(sold)) return sold;
    const [, , , charged, remaining] = sold;
    return { charged, remaining, code: undefined };
  }
  const refused = decodeAs(laneRefused, answered);
  if (isRefusal(refused)) return refused;
  const [, , , code, remaining] = refused;
  return { charged: 0, remaining, code };
}
