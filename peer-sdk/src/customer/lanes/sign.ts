/** Item 14 at the customer: a statement is compared with our own chain, signed, kept, and only then sent back. */
import {
  amountOf,
  checkRun,
  type Digest,
  decodePayload,
  digestOf,
  encodeAs,
  isOver,
  isRefusal,
  LeptaError,
  limits,
  type Or,
  refuse,
  signedStatement,
  signStatement,
  statement,
  statementSigned,
  verifyCredential,
  verifyStatementBy,
} from "@lepta/protocol";
import { digits, elementsOf, keptEntries, type Stated } from "../../lanes/run.ts";
import type { Change } from "../../ports.ts";
import type { Session } from "../../session/session.ts";
import type { Customer } from "../customer.ts";
import { bodyOf, type Holding } from "../records.ts";
import { credentialId } from "../signers.ts";
import { type Answered, answeredUpTo, type Lane, laneLock } from "./lane.ts";
import type { Signers } from "./merchant-session.ts";
import { type LaneRecord, SIGNERS_KEPT } from "./records.ts";

/** What a merchant proposes. */
export interface Proposal {
  readonly payload: Uint8Array;
  /** The merchant's COSE_Sign1 without it. */
  readonly signature: Uint8Array;
  /** The CustomerSecret of the change, or empty. */
  readonly secret: Uint8Array;
}

/** A statement as it is about to be kept. */
interface Agreed {
  readonly proposal: Proposal;
  readonly stated: Stated;
  readonly covered: readonly Answered[];
  readonly change: Holding | undefined;
  readonly closes: boolean;
  /** By its merchant's clock, in milliseconds. */
  readonly issuedAt: number;
}

/** Signs what is true; a refusal says what is not, and nothing is signed then. One at a time for a lane. */
export async function signProposal(
  customer: Customer,
  session: Session,
  signers: Signers,
  lane: Lane,
  proposal: Proposal,
): Promise<Or<void>> {
  // Its merchant proposes one, and the same again in the next session: one may be under way from the session before.
  if (lane.proposals >= MOST_PROPOSALS) return refuse("wrong-reference", "too many statements at once");
  lane.proposals += 1;
  try {
    return await customer.lock.run(laneLock(lane), () => sign(customer, session, signers, lane, proposal));
  } finally {
    lane.proposals -= 1;
  }
}

const MOST_PROPOSALS = 4;

async function sign(
  customer: Customer,
  session: Session,
  signers: Signers,
  lane: Lane,
  proposal: Proposal,
): Promise<Or<void>> {
  // The session that goes on with the lane brings it again.
  if (!session.isOpen) return;
  const { payload, signature } = proposal;
  // The same words again: our signature was lost on the way.
  if (digestOf(payload) === lane.stated.statement) return sendSignature(session, lane);
  if (lane.record.state === "closing") return refuse("wrong-reference", "the lane is closed");
  // Nobody could check what is signed now: we meet again, and its merchant proposes the same.
  if (isEither(customer, signers)) return session.close("unknown-peer");
  const { verifyingKey, uid } = signers.merchant;
  const said = await verifyStatementBy(payload, signature, verifyingKey, uid);
  if (isRefusal(said)) return said;
  const agreed = agree(customer, lane, proposal);
  if (isRefusal(agreed)) return agreed;
  await keep(customer, signers, lane, agreed);
  sendSignature(session, lane);
}

/** Sends the signature under the last statement, if there is one. */
function sendSignature(session: Session, lane: Lane): void {
  const { signature } = lane.record;
  if (signature !== undefined) session.send(encodeAs(statementSigned, [15, lane.number, signature]));
}

/** What the statement must say by our own chain. */
function agree({ party }: Customer, lane: Lane, proposal: Proposal): Or<Agreed> {
  const { payload, secret } = proposal;
  const said = decodePayload(statement, payload);
  if (isRefusal(said)) return said;
  const { stated, record, held } = lane;
  if (said.last > answeredUpTo(lane)) return refuse("wrong-reference", "about purchases without an answer");
  const covered = lane.run.slice(0, Math.max(0, said.last - stated.sequence));
  const total = covered.reduce((sum, { charged }) => sum + charged, 0);
  const closes = said.closes !== undefined;
  const money = (value: number) => amountOf(record.currency, BigInt(value));
  const given = secret.length === 0 ? undefined : secret;
  const checked = checkRun(
    {
      network: party.identity.network,
      merchant: lane.merchant,
      customer: party.identity.uid,
      session: record.session,
      lane: lane.number,
      scrip: bodyOf(held),
      first: stated.sequence + 1,
      last: stated.sequence + covered.length,
      total: money(total),
      available: money(stated.remaining),
      before: stated.chain,
      elements: elementsOf(covered),
      previous: stated.statement,
    },
    said,
    given,
  );
  if (isRefusal(checked)) return checked;
  // What its merchant has answered is covered; what it has not comes to nothing with the lane.
  if (closes && covered.length !== lane.run.length) return refuse("wrong-reference", "closes before its end");
  if (!closes && covered.length === 0) return refuse("wrong-reference", "about nothing");
  if (said.change !== undefined && given === undefined)
    return refuse("bad-proof", "change without its secret");
  const change =
    said.change === undefined || given === undefined
      ? undefined
      : {
          grant: said.change,
          secret: given,
          ...(held.obtained === undefined ? {} : { obtained: held.obtained }),
        };
  const next: Stated = {
    sequence: stated.sequence + covered.length,
    remaining: stated.remaining - total,
    chain: said.chain,
    statement: digestOf(payload),
  };
  return { proposal, stated: next, covered, change, closes, issuedAt: said.issuedAt };
}

const isEither = ({ party: { link, runtime } }: Customer, { ours, merchant }: Signers): boolean =>
  [ours, merchant].some((each) => isOver(each, link.trust(), runtime.now()));

/** The credentials that held when it was issued: those of this session, or of the one in which it was lost on its way. */
async function signersAt(
  { party, signers }: Customer,
  { ours, merchant, metAt }: Signers,
  { record }: Lane,
  issuedAt: number,
): Promise<readonly [Digest, Digest]> {
  const current = [credentialId(ours), credentialId(merchant)] as const;
  if (issuedAt >= metAt) return current;
  for (const pair of [...record.signers].reverse()) {
    const kept = await Promise.all(pair.map((id) => signers.table.get(id)));
    const held = kept.map((bytes) => bytes && verifyCredential(bytes, party.link.trust(), issuedAt));
    if ((await Promise.all(held)).every((each) => each !== undefined && !isRefusal(each))) return pair;
  }
  return current;
}

/** What is kept of those who may sign for a lane in this session, before anybody can. */
export function notedSigners(
  customer: Customer,
  signers: Signers,
  before: LaneRecord["signers"],
): { readonly signers: LaneRecord["signers"]; readonly changes: readonly Change[] } {
  const pair = [credentialId(signers.ours), credentialId(signers.merchant)] as const;
  const others = before.filter(([ours, theirs]) => ours !== pair[0] || theirs !== pair[1]);
  return {
    signers: [...others, pair].slice(-SIGNERS_KEPT),
    changes: customer.signers.keep(signers.ours, signers.merchant),
  };
}

/** In one commit: what both have signed, what it covers, our copy for the broker, and the change where the lane closes. */
async function keep(customer: Customer, signers: Signers, lane: Lane, agreed: Agreed): Promise<void> {
  const { party, lanes, tables } = customer;
  const { proposal, stated, covered, change, closes } = agreed;
  const { payload, signature } = proposal;
  const ours = await signStatement(payload, party.identity.signing);
  const signed = encodeAs(signedStatement, { statement: payload, merchant: signature, customer: ours });
  const record: LaneRecord = {
    ...lane.record,
    stated,
    // A session may still enter the chain with the next purchase.
    openings: lane.record.openings.slice(-1),
    signature: ours,
    ...(closes ? { state: "closing" as const } : {}),
  };
  const { statement: digest } = stated;
  if (digest === undefined) throw new LeptaError("internal", "a statement without a digest");
  const due = party.runtime.now() + limits.acknowledgedWithin;
  if (closes) lane.isClosing = true;
  // Its merchant closes it without having seen these, and will never answer them.
  const lost = closes ? [...lane.flight] : [];
  await party.store.commit([
    lanes.tables.lanes.put(lane.id, record),
    // One that only closes is about no purchase, and stands in nobody's place.
    ...(covered.length === 0
      ? []
      : [
          lanes.tables.runs.put(`${lane.merchant}/${lane.name}/${digits(stated.sequence)}`, {
            statement: signed,
            before: lane.stated.chain,
            entries: keptEntries(covered),
            signers: await signersAt(customer, signers, lane, agreed.issuedAt),
          }),
          ...customer.signers.keep(signers.ours, signers.merchant),
        ]),
    lanes.tables.copies.put(digest, { signed, due }),
    ...(closes ? changed() : []),
  ]);
  lanes.release([...covered, ...lost].map(({ entry }) => entry));
  lane.record = record;
  lane.stated = stated;
  lane.run.splice(0, covered.length);
  for (const { charged } of covered) lane.pair.value -= charged;
  lane.pair.count -= covered.length;
  if (closes) lanes.drop(lane, new LeptaError("closed", "the merchant has closed the lane"));
  customer.copyLater();
  lanes.goOnAll();

  function changed(): readonly Change[] {
    const held = tables.vendorscrip.remove(`${lane.merchant}/${lane.record.scrip}`);
    if (change === undefined) return [held];
    return [held, tables.vendorscrip.put(`${lane.merchant}/${bodyOf(change).id}`, change)];
  }
}
