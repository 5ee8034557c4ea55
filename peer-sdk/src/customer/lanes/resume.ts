/** Item 11 at the customer: lanes of an earlier session go on in a new one, and nothing is paid twice. */
import {
  encodeAs,
  equalBytes,
  LeptaError,
  laneClose,
  laneResume,
  limits,
  proveResumption,
} from "@lepta/protocol";
import { chainOver } from "../../lanes/run.ts";
import type { Customer } from "../customer.ts";
import { abandonLane, loseLane } from "./end.ts";
import { answeredUpTo, type Lane, laneLock } from "./lane.ts";
import type { MerchantSession } from "./merchant-session.ts";
import { markOpen } from "./open.ts";
import { notedSigners } from "./sign.ts";

/** Takes up every lane with the merchant of a new session. Throws `unreachable` where the session breaks meanwhile. */
export async function resumeLanes(customer: Customer, session: MerchantSession): Promise<void> {
  const { lanes } = customer;
  const { uid } = session.signers.merchant;
  const all = await lanes.tables.lanes.list({ under: `${uid}/` });
  const open = all.flatMap(([id, { state }]) => {
    const lane = state === "lost" || state === "closing" ? undefined : lanes.get(id);
    return lane === undefined || lane.session !== undefined ? [] : [lane];
  });
  // All of them first: the next session resumes this one, whichever of them it has reached.
  for (const lane of open) await noteSession(customer, lane, session);
  for (const [id, { state, signature }] of all)
    if (state === "closing" && signature !== undefined) await endClosed(customer, session, id, signature);
  for (const lane of open) await resumeLane(customer, session, lane);
}

/** Tries those again that the session's merchant did not let us go on with. */
export async function resumeLeft(customer: Customer, session: MerchantSession): Promise<void> {
  for (const lane of customer.lanes.with(session.signers.merchant.uid)) {
    const { state } = lane.record;
    const isLeft = lane.session === undefined && state !== "lost" && state !== "closing";
    if (isLeft && session.session.isOpen) await resumeLane(customer, session, lane);
  }
}

/** Brings a closing signature that its merchant may lack. Whatever it says of it: both have signed, and the broker gets our copy. */
async function endClosed(
  { lanes, party }: Customer,
  session: MerchantSession,
  id: string,
  signature: Uint8Array,
): Promise<void> {
  const { uid } = session.signers.merchant;
  await session.signed(Number(id.slice(uid.length + 1)), signature).catch((error: unknown) => {
    if (!(error instanceof LeptaError) || error.code === "unreachable") throw error;
  });
  await party.store.commit([lanes.tables.lanes.remove(id)]);
  const lane = lanes.get(id);
  if (lane !== undefined) lanes.remove(lane);
}

/**
 * Takes up one lane, if its merchant lets us: whether it can be bought on now. What the merchant answered meanwhile comes first;
 * then what it has not seen is sent again, the very bytes.
 */
export function resumeLane(customer: Customer, session: MerchantSession, lane: Lane): Promise<boolean> {
  lane.resuming ??= takeUp(customer, session, lane).finally(() => {
    lane.resuming = undefined;
  });
  return lane.resuming;
}

async function takeUp(customer: Customer, session: MerchantSession, lane: Lane): Promise<boolean> {
  if (lane.session !== undefined) return true;
  // Behind what is being signed: where the lane stands by then is what its merchant is told.
  await noteSession(customer, lane, session);
  if (lane.record.state === "closing" || lane.record.state === "lost") return false;
  for (let attempt = 1; ; attempt += 1) {
    const code = await ask(session, lane);
    if (code === undefined) break;
    session.lanes.delete(lane.number);
    // The handler of the goods, or the disk, is at work on what the broken session brought.
    if (code === "pending" && attempt < limits.resumeAttempts) {
      await customer.party.runtime.sleep(RESUME_PAUSE * attempt);
      continue;
    }
    const isUnknown = code === "wrong-reference" && lane.record.state === "opening";
    if (isUnknown && lane.sequence === 0) await abandonLane(customer, lane);
    else if (code === "wrong-reference" || code === "conflict") await loseLane(customer, lane);
    return false;
  }
  if (lane.record.state === "opening") await markOpen(customer, lane);
  goOn(customer, session, lane);
  return lane.session !== undefined;
}

/** The code of the merchant's refusal, if it refuses. Throws `unreachable`. */
async function ask(session: MerchantSession, lane: Lane): Promise<string | undefined> {
  lane.joining = undefined;
  session.lanes.set(lane.number, lane);
  const chain = chainOver(lane.stated.chain, lane.run);
  try {
    const pop = proveResumption(lane.held.secret, lane.origin, session.session.opening);
    const item = encodeAs(laneResume, [11, lane.number, answeredUpTo(lane), chain, pop]);
    if (await session.standing(lane.number, item)) return undefined;
  } catch (error) {
    if (!(error instanceof LeptaError) || error.code === "unreachable") throw error;
    return error.code;
  }
  session.disagree(lane, "scrip-mismatch");
  throw new LeptaError("unreachable", "the merchant says something else of a lane");
}

/** From here on what is bought is sent in this session. */
function goOn({ lanes: book }: Customer, { session }: MerchantSession, lane: Lane): void {
  if (!session.isOpen) return;
  lane.joining = equalBytes(session.opening, lane.record.session) ? undefined : session.opening;
  lane.session = session;
  if (lane.flight.length > 0) lane.isUsed = true;
  for (const { item, isDurable } of lane.flight) if (isDurable) session.send(item);
  if (lane.isClosing && lane.flight.length === 0) session.send(encodeAs(laneClose, [7, lane.number]));
  book.goOn(lane);
}

/** A session may enter the lane's chain with its first purchase: kept before that, so that we know it again. */
function noteSession(
  customer: Customer,
  lane: Lane,
  { session: { opening }, signers: who }: MerchantSession,
): Promise<void> {
  const { party, lanes, lock } = customer;
  return lock.run(laneLock(lane), async () => {
    const { session, openings } = lane.record;
    if ([session, ...openings].some((each) => equalBytes(each, opening))) return;
    const { signers, changes } = notedSigners(customer, who, lane.record.signers);
    const record = {
      ...lane.record,
      openings: [...(lane.isUsed ? openings : openings.slice(0, -1)), opening].slice(-limits.openingsKept),
      signers,
    };
    await party.store.commit([lanes.tables.lanes.put(lane.id, record), ...changes]);
    lane.record = record;
    lane.isUsed = false;
  });
}

/** Before a lane is asked for again, in milliseconds; longer each time. */
const RESUME_PAUSE = 50;
