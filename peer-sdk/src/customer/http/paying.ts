/** One request that asks for payment: paid for, asked again, and settled with the budget. */
import { type Amount, formatAmount, LeptaError, orThrow, type Txn, toText } from "@lepta/protocol";
import type { LanesPart } from "#parts";
import type { Challenge } from "../../http/challenge.ts";
import type { Terms } from "../../http/terms.ts";
import type { Acquaintance } from "../acquaintance.ts";
import type { Bargain, Bought } from "../bought.ts";
import type { Budget, SpendingLimits } from "../budgets.ts";
import type { Customer } from "../customer.ts";
import type { Provision } from "../spend.ts";
import { payCharge } from "./charge.ts";
import { receiptOf } from "./exchange.ts";
import { type Kept, keptPayments } from "./kept.ts";
import { meteredAnswer } from "./metered.ts";
import { buyNamed } from "./session.ts";

/** What is paid for, to whom, within what. */
export interface Demand {
  readonly customer: Customer;
  readonly lanes: LanesPart;
  readonly merchant: Acquaintance;
  readonly challenge: Challenge;
  readonly terms: Terms;
  readonly limits: SpendingLimits;
  readonly budget: Budget;
  readonly provision: Provision;
  /** The request's name among those whose answers have not come. */
  readonly name: string;
  /** Sends the request, with this credential in `Authorization`. */
  readonly send: (credential: string) => Promise<Response>;
}

/** How the answer to a paid request came, or why none did. */
type Sent = { readonly response: Response } | { readonly lost: unknown };

/** How long an answer that has come waits for the word on its lane, in milliseconds. */
const WORD_WITHIN = 2_000;
/** How often a paid request is sent before its merchant is asked in another way. */
const SENDINGS = 3;

/** Pays a fixed price. Throws `over-max`, `over-budget` and the codes of buying. */
export async function payFixed(demand: Demand): Promise<Response> {
  const { challenge, terms, limits } = demand;
  await reserve(demand, challenge.id, terms.price, limits);
  const bargain = boundTo(challenge, terms, 1);
  return challenge.intent === "session" ? onLane(demand, bargain) : alone(demand, bargain);
}

async function alone(demand: Demand, bargain: Bargain): Promise<Response> {
  const { customer, merchant, challenge, provision } = demand;
  let sent: Sent | undefined;
  let paid: { readonly credential: string; readonly txn: Txn } | undefined;
  let bought: Bought;
  try {
    bought = await payCharge(customer, merchant, challenge, bargain, provision, async (credential, txn) => {
      paid = { credential, txn };
      await keep(demand, credential, txn, bargain.price);
      sent = await sendOften(demand, credential);
      return "response" in sent ? sent.response : undefined;
    });
  } catch (error) {
    const isOpen = paid !== undefined && (await customer.tables.pending.get(paid.txn)) !== undefined;
    // Its merchant has not said what became of it: the same request asks again.
    if (isOpen) throw error;
    return unpaid(demand, sent, error);
  }
  return delivered(demand, bought, paid?.credential ?? "", sent);
}

async function onLane(demand: Demand, bargain: Bargain): Promise<Response> {
  const { customer, lanes, merchant, challenge, provision, budget } = demand;
  const { txn, credential, bought } = await buyNamed(
    customer,
    lanes,
    merchant,
    challenge,
    bargain,
    provision,
  ).catch(async (error: unknown) => {
    // It has not left.
    await budget.release(challenge.id);
    throw error;
  });
  await keep(demand, credential, txn, bargain.price);
  const sent = await sendOften(demand, credential);
  if ("response" in sent && receiptOf(sent.response) !== undefined) {
    const settled = bought.then(
      (done) => settle(demand, done),
      () => settleUnknown(demand, txn),
    );
    customer.background(settled);
    await Promise.race([settled, customer.party.runtime.sleep(WORD_WITHIN)]);
    return sent.response;
  }
  let done: Bought;
  try {
    done = await bought;
  } catch (error) {
    if ((await lanes.standingOf(customer, txn)) === "unknown") throw "lost" in sent ? sent.lost : error;
    return unpaid(demand, sent, error);
  }
  return delivered(demand, done, credential, sent);
}

/** It is paid for: the answer that came with its receipt, or the one that comes now. */
async function delivered(
  demand: Demand,
  bought: Bought,
  credential: string,
  sent: Sent | undefined,
): Promise<Response> {
  const { budget, challenge, send } = demand;
  await budget.confirm(challenge.id, bought.receipt.charged);
  if (sent !== undefined && "response" in sent && receiptOf(sent.response) !== undefined) {
    await forget(demand);
    return sent.response;
  }
  const again = await send(credential);
  if (receiptOf(again) === undefined)
    throw new LeptaError("pending", `paid for as ${bought.receipt.txn}; the same request brings its answer`);
  await forget(demand);
  return again;
}

/** Nothing was charged, and nothing will be. */
async function unpaid(demand: Demand, sent: Sent | undefined, error: unknown): Promise<Response> {
  await demand.budget.release(demand.challenge.id);
  await forget(demand);
  if (sent === undefined) throw error;
  if ("lost" in sent) throw sent.lost;
  return sent.response;
}

/** Pays for a metered answer piece by piece, for as long as it goes on and the limits allow. */
export async function payMetered(demand: Demand): Promise<Response> {
  const { customer, lanes, merchant, challenge, terms, limits, budget, provision, send } = demand;
  const { price, meter } = terms;
  if (meter === undefined) throw new LeptaError("internal", "not metered");
  let left = Math.min(meter.most, Number(limits.max.value / price.value));
  const next = (): number => Math.min(meter.piece, left);
  const pay = async (reservation: string, units: number) => {
    await reserve(demand, reservation, { ...price, value: price.value * BigInt(units) }, limits);
    left -= units;
    const bargain = boundTo(challenge, terms, units);
    return buyNamed(customer, lanes, merchant, challenge, bargain, provision).catch(
      async (error: unknown) => {
        await budget.release(reservation);
        throw error;
      },
    );
  };
  if (next() < 1) throw new LeptaError("over-max", `${formatAmount(price)} per ${meter.unit}`);
  let [reservation, units] = [challenge.id, next()];
  const first = await pay(reservation, units);
  const sent = await sendOnce(send, first.credential);
  if (!("response" in sent) || receiptOf(sent.response) === undefined) {
    await settlePiece(demand, reservation, first).catch(() => undefined);
    if ("lost" in sent) throw sent.lost;
    return sent.response;
  }
  const answer = meteredAnswer(sent.response);
  customer.background(goOn(first));
  return answer.response;

  async function goOn(begun: Awaited<ReturnType<typeof pay>>): Promise<void> {
    let piece = begun;
    for (;;) {
      const used = await settlePiece(demand, reservation, piece);
      // It has ended, or its merchant has.
      if (used === undefined || used < price.value * BigInt(units) || answer.isOver()) return;
      [reservation, units] = [toText(customer.party.runtime.random(16)), next()];
      try {
        if (units < 1) throw new LeptaError("over-max", `${formatAmount(limits.max)} were used`);
        piece = await pay(reservation, units);
      } catch (error) {
        answer.breakOff(error instanceof Error ? error : new LeptaError("internal"));
        return;
      }
    }
  }
}

/** What was charged for a piece, in millionths; undefined where nothing was, or nobody knows. */
async function settlePiece(
  { customer, lanes, budget }: Demand,
  reservation: string,
  { txn, bought }: { readonly txn: Txn; readonly bought: Promise<Bought> },
): Promise<bigint | undefined> {
  try {
    const { charged } = (await bought).receipt;
    await budget.confirm(reservation, charged);
    return charged.value;
  } catch {
    if ((await lanes.standingOf(customer, txn)) === "refused") await budget.release(reservation);
    return undefined;
  }
}

async function settle(demand: Demand, { receipt }: Bought): Promise<void> {
  await demand.budget.confirm(demand.challenge.id, receipt.charged);
  await forget(demand);
}

/** Who has its answer needs it no more; what it cost counts until it is known. */
async function settleUnknown(demand: Demand, txn: Txn): Promise<void> {
  const { customer, lanes, budget, challenge } = demand;
  if ((await lanes.standingOf(customer, txn)) === "refused") await budget.release(challenge.id);
  await forget(demand);
}

async function reserve(
  { budget }: Demand,
  id: string,
  amount: Amount,
  limits: SpendingLimits,
): Promise<void> {
  orThrow(await budget.reserve(id, amount, limits));
}

const boundTo = ({ id }: Challenge, { price, sku, meter }: Terms, quantity: number): Bargain => ({
  order: { sku, description: id, unitPrice: price, quantity },
  price: { ...price, value: price.value * BigInt(quantity) },
  ...(meter === undefined ? {} : { isMetered: true }),
});

function keep(
  { customer, name, challenge }: Demand,
  credential: string,
  txn: Txn,
  amount: Amount,
): Promise<void> {
  const { store, runtime } = customer.party;
  const kept: Kept = { credential, txn, reservation: challenge.id, amount, at: runtime.now() };
  return store.commit([keptPayments(store).put(name, kept)]);
}

function forget({ customer, name }: Demand): Promise<void> {
  const { store } = customer.party;
  return store.commit([keptPayments(store).remove(name)]);
}

/** The same payment brings the same answer: it may be sent again. */
async function sendOften({ send, customer }: Demand, credential: string): Promise<Sent> {
  let sent = await sendOnce(send, credential);
  for (let i = 1; i < SENDINGS && "lost" in sent && !isAborted(sent.lost); i += 1) {
    await customer.party.runtime.sleep(100 * 2 ** i);
    sent = await sendOnce(send, credential);
  }
  return sent;
}

async function sendOnce(send: Demand["send"], credential: string): Promise<Sent> {
  try {
    return { response: await send(credential) };
  } catch (lost) {
    return { lost };
  }
}

const isAborted = (error: unknown): boolean => error instanceof DOMException && error.name === "AbortError";
