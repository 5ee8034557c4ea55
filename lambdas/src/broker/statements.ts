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
import { type Parties, pack, unpack } from "../packed.ts";
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
  const parties = partiesOf(payload);
  const kept = before === undefined ? [] : versionsOf(before, parties);
  const known = kept.findIndex((each) => each.digest === digest);
  const earlier = known < 0 ? kept : kept.slice(0, known);
  // What both have signed is not refused for what one of them had said alone before: whoever brings it may be the other.
  const isFirstOfBoth = isBoth(statement.signed) && !earlier.some(({ signed }) => isBoth(signed));
  const conflict = !isFirstOfBoth && earlier.some((each) => haveCommonSigner(each.signed, statement.signed));
  const versions = known < 0 ? withAnother(kept, statement) : completed(kept, known, statement);
  const [first, other] = versions;
  if (first === undefined) throw new Error("a statement is nowhere");
  const state = stateOf(versions);
  const outcome: NoticeOutcome = { state, conflict };
  if (versions === kept) return { writes: [], outcome };
  const bytesOf = ({ signed }: ReadStatement): Uint8Array => pack(encodeAs(signedStatement, signed), parties);
  const next: StatementRecord = {
    at: now,
    ...before,
    state,
    signed: bytesOf(first),
    ...(other === undefined ? {} : { other: bytesOf(other) }),
    ttl: forgottenAfter(now + terms.disputeWindow),
  };
  const place = placeOfStatement(payload);
  const put: Write = {
    put: statementItem.toItem(next),
    at: keys.notice(parties.customer, parties.merchant, place),
    expect: before === undefined ? "absent" : unmoved(before),
  };
  const waiting = { ...parties, txn: nameOf(payload), due: next.at + terms.noticePatience, place };
  const at = keys.waiting(waiting.due, parties.customer, parties.merchant, waiting.txn, place);
  if (before === undefined && state === "one-sided")
    return { ahead: [{ put: waitingItem.toItem(waiting), at, expect: "any" }], writes: [put], outcome };
  if (before?.state === "one-sided")
    return { writes: [put], behind: [{ remove: true, at, expect: "any" }], outcome };
  // What both have signed waits for nobody: the common case is this one write.
  return { writes: [put], outcome };
}

/** A version of what was said about one end of a run. */
export interface Version extends ReadStatement {
  /** The signed-statement. */
  readonly bytes: Uint8Array;
}

/** What two parties have said about one end of a run, as it is kept; at most two versions, the first that came first. */
export function versionsOf({ signed, other }: StatementRecord, parties: Parties): readonly Version[] {
  return [signed, other].flatMap((packed) => {
    if (packed === undefined) return [];
    const bytes = unpack(packed, parties);
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
export function standingOfPurchase(
  records: readonly StatementRecord[],
  parties: Parties,
  sequence: number,
): StatementStanding {
  const covering = records
    .map((record) => ({ record, versions: coveringOf(record, parties, sequence) }))
    .filter(({ versions }) => versions.length > 0);
  const shown = covering.flatMap(({ versions }) => versions);
  const [only] = covering;
  const state = only === undefined ? "unknown" : covering.length > 1 ? "differs" : wordOf(only.record);
  return { state, shown: shown.sort((a, b) => Number(isBoth(b.signed)) - Number(isBoth(a.signed))) };
}

/** Whether both have signed a statement that covers this purchase. */
export const isCovered = (record: StatementRecord, parties: Parties, sequence: number): boolean =>
  coveringOf(record, parties, sequence).some(({ signed }) => isBoth(signed));

const coveringOf = (record: StatementRecord, parties: Parties, sequence: number): readonly Version[] =>
  versionsOf(record, parties).filter(({ payload: { first, last } }) => first <= sequence && sequence <= last);

/** The state that these versions make. */
export const stateOf = (versions: readonly ReadStatement[]): NoticeOutcome["state"] => {
  const [first] = versions;
  if (versions.length > 1 || first === undefined) return "differs";
  return isBoth(first.signed) ? "matched" : "one-sided";
};

const isBoth = ({ merchant, customer }: SignedStatement): boolean =>
  merchant !== undefined && customer !== undefined;

const haveCommonSigner = (one: SignedStatement, other: SignedStatement): boolean =>
  (one.merchant !== undefined && other.merchant !== undefined) ||
  (one.customer !== undefined && other.customer !== undefined);

const partiesOf = ({ customer, from }: Statement): Parties => ({ customer, merchant: from });

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
