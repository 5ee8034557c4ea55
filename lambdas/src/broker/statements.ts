/**
 * Statements (docs/protocol.md sections 10 and 13): M3 and M0 of a run of purchases in one. The broker keeps one item for
 * each end of a run; a side that says two things about it is told `conflict`, and what was said first stays.
 */
import {
  encodeAs,
  isRefusal,
  laneOrigin,
  lanePurchase,
  type ReadStatement,
  type Refusal,
  readStatement,
  refuse,
  type SignedStatement,
  type Statement,
  signedStatement,
  type Txn,
  toText,
  type VerifiedStatement,
} from "@lepta/protocol";
import type { Write } from "../ports/store.ts";
import { forgottenAfter } from "../resources.ts";
import type { Decision, Terms } from "./decision.ts";
import { keys, type StatementRecord, statementItem, statementPlace, waitingItem } from "./items.ts";
import type { NoticeOutcome } from "./notices.ts";

/** Where a statement is kept under its pair: by lane and last purchase; one that only closes has a place of its own. */
export const placeOfStatement = (said: Statement): string =>
  statementPlace(laneName(said), said.last, said.last < said.first);

/** Records a statement beside what was said about the same end of a run before, if anything was. */
export function decideStatement(
  statement: VerifiedStatement,
  before: StatementRecord | undefined,
  now: number,
  terms: Pick<Terms, "noticePatience" | "disputeWindow">,
): Decision<NoticeOutcome> {
  const { payload, digest } = statement;
  const fault = faultOf(payload);
  if (fault !== undefined) return fault;
  const kept = before === undefined ? [] : versionsOf(before);
  const known = kept.findIndex((each) => each.digest === digest);
  const earlier = known < 0 ? kept : kept.slice(0, known);
  const conflict = earlier.some((each) => haveCommonSigner(each.signed, statement.signed));
  const versions = known < 0 ? withAnother(kept, statement) : completed(kept, known, statement);
  const [first, other] = versions;
  if (first === undefined) throw new Error("a statement is nowhere");
  const state = stateOf(versions);
  const outcome: NoticeOutcome = { state, conflict };
  if (versions === kept) return { writes: [], outcome };
  const next: StatementRecord = {
    at: now,
    ...before,
    state,
    signed: encodeAs(signedStatement, first.signed),
    ...(other === undefined ? {} : { other: encodeAs(signedStatement, other.signed) }),
    ttl: forgottenAfter(now + terms.disputeWindow),
  };
  const put: Write = {
    put: statementItem.toItem(next),
    at: keys.notice(payload.customer, payload.from, placeOfStatement(payload)),
    expect: before === undefined ? "absent" : unmoved(before),
  };
  // What both have signed nobody need look at: the common case is this one write.
  if (before === undefined)
    return state === "one-sided" ? { ahead: [listed()], writes: [put], outcome } : { writes: [put], outcome };
  return state === "one-sided"
    ? { writes: [put], outcome }
    : { writes: [put], behind: [{ remove: true, at: waitingAt(), expect: "any" }], outcome };

  function listed(): Write {
    const { customer, from: merchant } = payload;
    const record = {
      customer,
      merchant,
      txn: nameOf(payload),
      due: dueAt(),
      place: placeOfStatement(payload),
    };
    return { put: waitingItem.toItem(record), at: waitingAt(), expect: "any" };
  }

  function waitingAt() {
    const { customer, from: merchant } = payload;
    return keys.waiting(dueAt(), customer, merchant, nameOf(payload), placeOfStatement(payload));
  }

  function dueAt(): number {
    return (before?.at ?? now) + terms.noticePatience;
  }
}

/** A version of what was said about one end of a run. */
export interface Version extends ReadStatement {
  /** The signed-statement. */
  readonly bytes: Uint8Array;
}

/** What two parties have said about one end of a run, as it is kept; at most two versions, the first that came first. */
export function versionsOf({ signed, other }: StatementRecord): readonly Version[] {
  return [signed, other].flatMap((bytes) => {
    if (bytes === undefined) return [];
    const read = readStatement(bytes);
    if (isRefusal(read)) throw new Error("a stored statement cannot be read");
    return [{ ...read, bytes }];
  });
}

/** What is known of one purchase of a lane. */
export interface StatementStanding {
  readonly state: "unknown" | NoticeOutcome["state"];
  /** The signed statements that cover it, those that both have signed first. */
  readonly shown: readonly Version[];
}

/** What these records, of one lane, say about a purchase of it. Two that cover it contradict each other. */
export function standingOfPurchase(records: readonly StatementRecord[], sequence: number): StatementStanding {
  const covering = records.filter((record) => versionsOf(record).some((each) => covers(each, sequence)));
  const shown = covering.flatMap(versionsOf).filter((each) => covers(each, sequence));
  const [only] = covering;
  const state = only === undefined ? "unknown" : covering.length > 1 ? "differs" : wordOf(only);
  return { state, shown: shown.sort((a, b) => Number(isBoth(b.signed)) - Number(isBoth(a.signed))) };
}

/** Whether both have signed a statement that covers this purchase. */
export const isCovered = (record: StatementRecord, sequence: number): boolean =>
  versionsOf(record).some((each) => isBoth(each.signed) && covers(each, sequence));

/** The state that these versions make. */
export const stateOf = (versions: readonly ReadStatement[]): NoticeOutcome["state"] => {
  const [first] = versions;
  if (versions.length > 1 || first === undefined) return "differs";
  return isBoth(first.signed) ? "matched" : "one-sided";
};

const covers = ({ payload: { first, last } }: ReadStatement, sequence: number): boolean =>
  first <= sequence && sequence <= last;

const isBoth = ({ merchant, customer }: SignedStatement): boolean =>
  merchant !== undefined && customer !== undefined;

const haveCommonSigner = (one: SignedStatement, other: SignedStatement): boolean =>
  (one.merchant !== undefined && other.merchant !== undefined) ||
  (one.customer !== undefined && other.customer !== undefined);

/** The first 8 bytes of h_0, in base64url. */
const laneName = ({ session, lane, scrip }: Statement): string =>
  toText(laneOrigin(session, lane, scrip).subarray(0, 8));

/** The name of the last purchase that a statement covers. */
const nameOf = ({ session, lane, scrip, last }: Statement): Txn =>
  lanePurchase(laneOrigin(session, lane, scrip), last);

/** A run has at least one purchase, but for one that only closes its lane; sequences begin with 1. */
function faultOf({ from, customer, first, last, closes, total, remaining }: Statement): Refusal | undefined {
  if (from === customer) return refuse("same-party");
  if (first < 1 || last < (closes === undefined ? first : first - 1))
    return refuse("wrong-reference", "the run");
  return total.currency === remaining.currency ? undefined : refuse("wrong-currency");
}

/** A second version is kept as it is; a third only where both have signed it and nothing that is kept. */
function withAnother(kept: readonly ReadStatement[], statement: ReadStatement): readonly ReadStatement[] {
  const [first] = kept;
  if (first === undefined || kept.length < 2) return [...kept, statement];
  const isTheTruth = isBoth(statement.signed) && !kept.some(({ signed }) => isBoth(signed));
  return isTheTruth ? [first, statement] : kept;
}

/** A copy with the signature that was missing. */
function completed(
  kept: readonly ReadStatement[],
  at: number,
  { signed }: ReadStatement,
): readonly ReadStatement[] {
  const known = kept[at];
  if (known === undefined) return kept;
  const whole = { ...signed, ...known.signed };
  const isMore = Object.keys(whole).length > Object.keys(known.signed).length;
  return isMore ? kept.with(at, { ...known, signed: whole }) : kept;
}

const unmoved = ({ state, signed, other, flaggedAt }: StatementRecord) => ({
  state,
  signed,
  other,
  flaggedAt,
});

const wordOf = (record: StatementRecord): NoticeOutcome["state"] =>
  record.state === "matched" || record.state === "differs" ? record.state : "one-sided";
