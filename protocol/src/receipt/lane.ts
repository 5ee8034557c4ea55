/** The steps of a receipt whose purchase is an element of a lane's run: the statement over its chain is signed by both. */
import { type Amount, amountOf } from "../amount.ts";
import { equalBytes, toText } from "../bytes.ts";
import type { Credential } from "../credential.ts";
import { isRefusal, refuse } from "../errors.ts";
import { chainAfter, laneElement, laneOrigin, lanePurchase } from "../lane.ts";
import type { Receipt, Run } from "../messages/receipt.ts";
import { GOODS_TYPE, laneBuy, laneRefused, laneSold } from "../messages/session.ts";
import { decodeAs, type Uid } from "../schema.ts";
import { openStatement, type ReadStatement, verifyStatementOf } from "../statement.ts";
import { type Step, step } from "../step.ts";
import { checkCharge } from "./charge.ts";
import type { LanePlace, PurchaseSteps, Said } from "./said.ts";

/** A purchase on a lane, its statement, and where it stands. */
interface LaneParts {
  readonly said: Said & { readonly place: LanePlace };
  readonly read: ReadStatement;
  readonly origin: Uint8Array;
  /** What was left after the purchase. */
  readonly remaining: Amount;
  /** The lane that M2 is on, and its sequence there. */
  readonly answer: { readonly lane: number; readonly sequence: number };
}

/** M1 and M2 can be read, stand in the run, cost what the statement leaves room for, lead to its chain, and both signed it. */
export function laneSteps(receipt: Receipt, run: Run, network: Uid) {
  const parts = step("M1 and M2", "both can be read, and the statement", [], () => readParts(receipt, run));
  const content = [
    parts,
    step("Place on the lane", "they stand in the statement's run", [parts], (found) =>
      checkPlace(run, found),
    ),
    step(
      "Amounts",
      "what was charged is the price, and the statement's sums hold it",
      [parts],
      (found) => checkCharge(found.said) ?? checkSums(found) ?? true,
    ),
    step("Place in the chain", "the run with them in it leads to the chain's hash", [parts], ({ read }) => {
      const element = laneElement(receipt.request, receipt.response);
      return equalBytes(chainAfter(run.before, [...run.earlier, element, ...run.later]), read.payload.chain)
        ? true
        : refuse("unauthentic", "the chain does not lead to what was signed");
    }),
  ];
  const signatures = (customer: Step<Credential>, merchant: Step<Credential>) => {
    const bySide = (side: "merchant" | "customer", name: string) => {
      const isThere = run.statement[side] !== undefined;
      const signed = step(name, "over the statement", [parts, customer, merchant], ({ read, said }, C, M) =>
        isThere
          ? verifyStatementOf(side, read, {
              merchant: M.verifyingKey,
              customer: C.verifyingKey,
              network,
              now: said.at,
            })
          : refuse("unauthentic", "a statement that one side has not signed"),
      );
      return { isThere, signed };
    };
    const sides = [bySide("merchant", "Merchant's signature"), bySide("customer", "Customer's signature")];
    // A signature that does not hold is told before one that is missing.
    return [...sides.filter((each) => each.isThere), ...sides.filter((each) => !each.isThere)].map(
      ({ signed }) => signed,
    );
  };
  return { parts, content, signatures } satisfies PurchaseSteps;
}

function readParts(receipt: Receipt, run: Run) {
  const request = decodeAs(laneBuy, receipt.request);
  if (isRefusal(request)) return request;
  const answer = readAnswer(receipt.response);
  if (isRefusal(answer)) return answer;
  const read = openStatement(run.statement);
  if (isRefusal(read)) return read;
  const [, lane, sequence, amount, metered, order] = request;
  const { payload, digest } = read;
  const origin = laneOrigin(payload.session, lane, payload.scrip);
  // M2 says so in the currency of M1.
  const inCurrency = (units: number): Amount => amountOf(amount.currency, BigInt(units));
  const { ok, reason, goods, goodsType } = answer;
  const bought = { order, amount, metered: metered === 1, ok, reason, charged: inCurrency(answer.charged) };
  const place: LanePlace = { session: toText(payload.session), lane, sequence, statement: digest };
  const txn = lanePurchase(origin, sequence);
  const said = { ...bought, txn, goods, goodsType, at: payload.issuedAt, place };
  return { said, read, origin, remaining: inCurrency(answer.remaining), answer } satisfies LaneParts;
}

/** Item 4 or item 5. */
function readAnswer(bytes: Uint8Array) {
  const sold = decodeAs(laneSold, bytes);
  if (!isRefusal(sold)) {
    const [, lane, sequence, charged, remaining, goods, type] = sold;
    const goodsType = type === "" ? GOODS_TYPE : type;
    return { ok: true, lane, sequence, charged, remaining, goods, goodsType, reason: undefined };
  }
  const refused = decodeAs(laneRefused, bytes);
  if (isRefusal(refused)) return refused;
  const [, lane, sequence, reason, remaining] = refused;
  const [goods, goodsType] = [undefined, undefined];
  return { ok: false, lane, sequence, charged: 0, remaining, goods, goodsType, reason };
}

/** The purchase stands in the run, which has room for the others before and after it, and begins where a lane begins. */
function checkPlace({ before, earlier, later }: Run, { said, read, origin, answer }: LaneParts) {
  const { lane, sequence } = said.place;
  const { first, last, previous } = read.payload;
  if (lane !== read.payload.lane || answer.lane !== lane || answer.sequence !== sequence)
    return refuse("wrong-reference", "M1, M2 and the statement are of different purchases or lanes");
  if (sequence < first || sequence > last) return refuse("wrong-reference", "outside the statement's run");
  if (earlier.length < sequence - first || later.length < last - sequence)
    return refuse("wrong-reference", "elements of the run are missing");
  if (previous === undefined && (first !== 1 || !equalBytes(before, origin)))
    return refuse("wrong-reference", "the lane does not begin with its origin");
  return true;
}

/** One purchase of a run costs no more than the run, and leaves what the run leaves and what came after it cost. */
function checkSums({ read, said, remaining }: LaneParts) {
  const { total, last, remaining: left } = read.payload;
  const { charged, place } = said;
  if (
    charged.currency !== total.currency ||
    remaining.currency !== left.currency ||
    left.currency !== total.currency
  )
    return refuse("wrong-currency");
  const after = remaining.value - left.value;
  const isSound =
    after >= 0n && charged.value + after <= total.value && (place.sequence !== last || after === 0n);
  return isSound ? undefined : refuse("price-mismatch", "not the sums of the statement");
}
