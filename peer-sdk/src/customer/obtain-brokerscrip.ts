/** Figure 6 at the customer, top to bottom: M0 kept and sent, M1 checked, the purse moved. */
import {
  type Amount,
  abort,
  add,
  brokerscripRequest,
  type brokerscripResponse,
  checkGrant,
  isErrorCode,
  isRefusal,
  LeptaError,
  orThrow,
  query,
  subtract,
  toText,
  type Verified,
} from "@lepta/protocol";
import { askAt, doors } from "../doors.ts";
import { REQUEST_LIFE } from "../party.ts";
import { askBroker } from "./ask-broker.ts";
import { type Customer, PURSE_LOCK, secretFor } from "./customer.ts";
import { bodyOf, historyId, type Pending, PURSE } from "./records.ts";

/** Buys BrokerScrip. Throws `declined` and the like when refused, `pending` while the outcome is not known. */
export function obtainBrokerScrip(customer: Customer, amount: Amount): Promise<void> {
  return customer.lock.run(PURSE_LOCK, async () => {
    const { party, tables } = customer;
    const { link, runtime } = party;
    const { currency } = await link.keys();
    if (amount.currency !== currency)
      throw new LeptaError("wrong-currency", `this broker deals in ${currency}`);
    const txn = toText(runtime.random(16));
    const at = customer.moment();
    const request = await party.sign(brokerscripRequest, {
      to: link.network,
      txn,
      expiresAt: runtime.now() + REQUEST_LIFE,
      amount,
    });
    const pending: Pending = {
      kind: "topup",
      sealed: await link.seal(request),
      request: request.digest,
      amount,
      at,
    };
    await party.store.commit([tables.pending.put(txn, pending)]);
    const answer = await askAt(party, doors.brokerscrip, pending.sealed, { txn, digest: request.digest });
    // Whatever was not signed may still be decided, when the same request comes again: that is for `resumeTopUp`.
    if (isRefusal(answer)) throw new LeptaError(answer.code, answer.detail);
    await conclude(customer, txn, pending, answer);
  });
}

/** Brings a top-up that was left under way to its end, if it has one by now. */
export async function resumeTopUp(customer: Customer, txn: string): Promise<void> {
  await customer.lock.run(PURSE_LOCK, async () => {
    const pending = await customer.tables.pending.get(txn);
    if (pending === undefined) return;
    let { state, funding } = await askBroker(customer, query, txn);
    if (state === "unknown") ({ state, funding } = await askBroker(customer, abort, txn));
    if (funding !== undefined && (state === "done" || state === "refused"))
      await conclude(customer, txn, pending, funding).catch(ignoreRefusal);
    else if (state === "aborted") await customer.party.store.commit([customer.tables.pending.remove(txn)]);
  });
}

/** A signed answer is the end, whatever it says. */
async function conclude(
  customer: Customer,
  txn: string,
  pending: Pending,
  { payload, secrets }: Verified<typeof brokerscripResponse>,
): Promise<void> {
  const { party, tables } = customer;
  const { uid, network } = party.identity;
  const { ok, reason = "", grant } = payload;
  if (payload.request !== pending.request) throw new LeptaError("wrong-reference");
  if (reason === "conflict") throw new LeptaError("conflict");
  const outcome = ok ? "done" : reason;
  const history = tables.history.put(historyId(pending.at, txn), {
    kind: "topup",
    txn,
    at: pending.at,
    amount: pending.amount,
    outcome,
  });
  if (!ok || grant === undefined) {
    await party.store.commit([tables.pending.remove(txn), history]);
    throw new LeptaError(isErrorCode(reason) ? reason : "internal");
  }
  const body = orThrow(
    checkGrant(grant, undefined, { kind: "broker", network, issuer: network, owner: uid }),
  );
  const spentBy = secrets.find((each) => each.scrip === body.id)?.spentBy;
  if (spentBy !== undefined) {
    // Spent since by another transaction of ours, whose answer brings the purse up to date.
    const held = await tables.purse.get(PURSE);
    const isReplaced = held !== undefined && bodyOf(held).id === payload.replaced;
    const gone = isReplaced ? [tables.purse.remove(PURSE)] : [];
    return party.store.commit([tables.pending.remove(txn), history, ...gone]);
  }
  const value = await expectedValue(customer, pending.amount, payload.replaced);
  const secret = secretFor(secrets, body.id);
  const expected = { kind: "broker", network, issuer: network, owner: uid } as const;
  orThrow(checkGrant(grant, secret, { ...expected, ...(value ? { value } : {}) }));
  // What replaces a scrip that we do not hold is worth at least what was bought.
  orThrow(subtract(body.value, pending.amount));
  await party.store.commit([tables.pending.remove(txn), tables.purse.put(PURSE, { grant, secret }), history]);
}

/** What was bought and what the replaced scrip was worth; unknown where we do not hold the replaced one. */
async function expectedValue(
  { tables }: Customer,
  bought: Amount,
  replaced: string | undefined,
): Promise<Amount | undefined> {
  if (replaced === undefined) return bought;
  const held = await tables.purse.get(PURSE);
  if (held === undefined || bodyOf(held).id !== replaced) return undefined;
  return orThrow(add(bodyOf(held).value, bought));
}

function ignoreRefusal(error: unknown): void {
  // The refusal is in the history; whoever asked for the top-up is gone.
  if (!(error instanceof LeptaError)) throw error;
}
