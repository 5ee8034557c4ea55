/** One request that asks for payment: paid for, asked again, and settled with the budget. */
import { type Amount, formatAmount, LeptaError, nothing, orThrow, type Txn, toText } from "@lepta/protocol";
import type { DealingsPart } from "#parts";
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
import { type MeteredAnswer, meteredAnswer } from "./metered.ts";
import { noted, reckoned } from "./reckoning.ts";
import { buyNamed, type OnLane } from "./session.ts";

/** What is paid for, to whom, within what. */
export interface Demand {
  readonly customer: Customer;
  readonly dealings: DealingsPart;
  readonly merchant: Acquaintance;
  readonly challenge: Challenge;
  readonly terms: Terms;
  readonly limits: SpendingLimits;
  readonly budget: Budget;
  readonly budgetName: string;
  readonly provision: Provision;
  /** The request's name among those whose answers have not come. */
  readonly name: string;
  /** Where it is sent. */
  readonly target: string;
  /** What is set aside for it goes by this name of our own: a site may send the same challenge twice, and is paid twice. */
  readonly reservation: string;
  /** Sends the request, with this credential in `Authorization`. */
  readonly send: (credential: string) => Promise<Response>;
}

/** An answer, and what was paid for it by our own books, whatever its server says. */
export interface PaidResponse {
  readonly response: Response;
  readonly payment?: HttpPayment;
}

/** What was paid for an answer. */
export interface HttpPayment {
  /** The purchase; of a metered answer the first of its purchases. */
  readonly txn: Txn;
  /** What it has cost; of a metered answer once its body has ended. Rejects with `pending` where that is not known. */
  readonly charged: () => Promise<Amount>;
}

/** How the answer to a paid request came, or why none did. */
type Sent = { readonly response: Response } | { readonly lost: unknown };

/** How long an answer that has come waits for the word on its lane, in milliseconds. */
const WORD_WITHIN = 2_000;
/** How often a paid request is sent before its merchant is asked in another way. */
const SENDINGS = 3;

/** Pays a fixed price. Throws `over-max`, `over-budget` and the codes of buying. */
export async function payFixed(demand: Demand): Promise<PaidResponse> {
  const { challenge, terms, limits } = demand;
  await reserve(demand, demand.reservation, terms.price, limits);
  const bargain = boundTo(challenge, terms, 1);
  return challenge.intent === "session" ? onLane(demand, bargain) : alone(demand, bargain);
}

async function alone(demand: Demand, bargain: Bargain): Promise<PaidResponse> {
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

async function onLane(demand: Demand, bargain: Bargain): Promise<PaidResponse> {
  const { customer, dealings, merchant, challenge, provision, budget } = demand;
  const { txn, credential, bought } = await buyNamed(
    customer,
    dealings,
    merchant,
    challenge,
    bargain,
    provision,
  ).catch(async (error: unknown) => {
    // It has not left.
    await budget.release(demand.reservation);
    throw error;
  });
  await keep(demand, credential, txn, bargain.price);
  waitFor(customer, { txn, bought });
  const sent = await sendOften(demand, credential);
  if ("response" in sent && receiptOf(sent.response) !== undefined) {
    const settled = bought.then(
      (done) => settle(demand, done),
      () => settleUnknown(demand, txn),
    );
    customer.background(settled);
    await forAWhile(customer, settled);
    const charged = async (): Promise<Amount> => known(await settled, txn);
    return { response: sent.response, payment: { txn, charged } };
  }
  let done: Bought;
  try {
    done = await bought;
  } catch (error) {
    if ((await dealings.standingOf(customer, txn)) === "unknown") throw "lost" in sent ? sent.lost : error;
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
): Promise<PaidResponse> {
  const { budget, reservation, send } = demand;
  const { txn, charged } = bought.receipt;
  await budget.confirm(reservation, charged);
  const payment: HttpPayment = { txn, charged: async () => charged };
  if (sent !== undefined && "response" in sent && receiptOf(sent.response) !== undefined) {
    await forget(demand);
    return { response: sent.response, payment };
  }
  const again = await send(credential);
  if (receiptOf(again) === undefined)
    throw new LeptaError("pending", `paid for as ${txn}; the same request brings its answer`);
  await forget(demand);
  return { response: again, payment };
}

/** Nothing was charged, and nothing will be. */
async function unpaid(demand: Demand, sent: Sent | undefined, error: unknown): Promise<PaidResponse> {
  await demand.budget.release(demand.reservation);
  await forget(demand);
  if (sent === undefined) throw error;
  if ("lost" in sent) throw sent.lost;
  return { response: sent.response };
}

/** Pays for a metered answer piece by piece, for as long as it goes on and the limits allow. */
export async function payMetered(demand: Demand): Promise<PaidResponse> {
  const { customer, dealings, merchant, challenge, terms, limits, budget, budgetName, provision, send } =
    demand;
  const { price, meter } = terms;
  if (meter === undefined) throw new LeptaError("internal", "not metered");
  let left = Math.min(meter.most, Number(limits.max.value / price.value));
  const next = (): number => Math.min(meter.piece, left);
  const pay = async (reservation: string, units: number) => {
    await reserve(demand, reservation, { ...price, value: price.value * BigInt(units) }, limits);
    left -= units;
    const bargain = boundTo(challenge, terms, units);
    const piece = await buyNamed(customer, dealings, merchant, challenge, bargain, provision).catch(
      async (error: unknown) => {
        await budget.release(reservation);
        throw error;
      },
    );
    const { store } = customer.party;
    await store.commit([
      noted(store, reservation, { budget: budgetName, txn: piece.txn, amount: bargain.price }),
    ]);
    waitFor(customer, piece);
    return piece;
  };
  if (next() < 1) throw new LeptaError("over-max", `${formatAmount(price)} per ${meter.unit}`);
  let [reservation, units] = [demand.reservation, next()];
  const first = await pay(reservation, units);
  let answer: MeteredAnswer | undefined;
  let isLost = false;
  const broken = Promise.withResolvers<Sent>();
  // While the request is under way: a handler may use up the first piece before it begins its answer.
  const ending = goOn(first);
  customer.background(ending);
  const sending = sendOnce(send, first.credential);
  const sent = await Promise.race([sending, broken.promise]);
  if (!("response" in sent) || receiptOf(sent.response) === undefined) {
    isLost = true;
    // Its site may never answer: closing the wallet does not wait for that.
    sending.then(unread(sent)).catch(() => undefined);
    // The word on the lane may take as long as its merchant likes.
    await forAWhile(customer, ending);
    if ("lost" in sent) throw sent.lost;
    return { response: sent.response };
  }
  answer = meteredAnswer(sent.response);
  const charged = async (): Promise<Amount> => known(await ending, first.txn);
  return { response: answer.response, payment: { txn: first.txn, charged } };

  /** What all pieces have cost; undefined where that of one is not known. */
  async function goOn(begun: Awaited<ReturnType<typeof pay>>): Promise<Amount | undefined> {
    let piece = begun;
    let total = nothing(price.currency);
    for (;;) {
      const used = await settlePiece(demand, reservation, piece);
      if (used === undefined) return undefined;
      total = { ...total, value: total.value + used };
      // It has ended, or its merchant has.
      if (used < price.value * BigInt(units) || isLost || answer?.isOver() === true) return total;
      [reservation, units] = [newReservation(customer), next()];
      try {
        if (units < 1) throw new LeptaError("over-max", `${formatAmount(limits.max)} were used`);
        piece = await pay(reservation, units);
      } catch (error) {
        const reason = error instanceof Error ? error : new LeptaError("internal");
        if (answer === undefined) broken.resolve({ lost: reason });
        else answer.breakOff(reason);
        return total;
      }
    }
  }
}

/** What comes when nobody waits for it any more is not read. */
const unread =
  (taken: Sent) =>
  async (late: Sent): Promise<void> => {
    if (late !== taken && "response" in late) await late.response.body?.cancel();
  };

/** What was charged for a piece, in millionths; undefined where nothing was, or nobody knows. */
async function settlePiece(
  { customer, dealings, budget }: Demand,
  reservation: string,
  { txn, bought }: { readonly txn: Txn; readonly bought: Promise<Bought> },
): Promise<bigint | undefined> {
  const { store } = customer.party;
  try {
    const { charged } = (await bought).receipt;
    await budget.confirm(reservation, charged);
    await store.commit([reckoned(store, reservation)]);
    return charged.value;
  } catch {
    if ((await dealings.standingOf(customer, txn)) !== "refused") return undefined;
    await budget.release(reservation);
    await store.commit([reckoned(store, reservation)]);
    return 0n;
  }
}

async function settle(demand: Demand, { receipt: { charged } }: Bought): Promise<Amount> {
  await demand.budget.confirm(demand.reservation, charged);
  await forget(demand);
  return charged;
}

/** Who has its answer needs it no more; what it cost counts until it is known. */
async function settleUnknown(demand: Demand, txn: Txn): Promise<Amount | undefined> {
  const { customer, dealings, budget, reservation, terms } = demand;
  const isRefused = (await dealings.standingOf(customer, txn)) === "refused";
  if (isRefused) await budget.release(reservation);
  await forget(demand, isRefused);
  return isRefused ? nothing(terms.price.currency) : undefined;
}

function known(charged: Amount | undefined, txn: Txn): Amount {
  if (charged === undefined) throw new LeptaError("pending", `what ${txn} has cost`);
  return charged;
}

/** A name for what is set aside for one payment. */
export const newReservation = ({ party }: Customer): string => `http-${toText(party.runtime.random(16))}`;

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
  { customer, name, target, terms, reservation, budgetName }: Demand,
  credential: string,
  txn: Txn,
  amount: Amount,
): Promise<void> {
  const { store, runtime } = customer.party;
  const kept: Kept = { credential, txn, at: runtime.now(), amount, target, resource: terms.resource };
  const open = noted(store, reservation, { budget: budgetName, txn, amount });
  return store.commit([keptPayments(store).put(name, kept), open]);
}

/** The answer has come, or never will; what it has cost is known to the budget unless said otherwise. */
function forget({ customer, name, reservation }: Demand, isReckoned = true): Promise<void> {
  const { store } = customer.party;
  const gone = keptPayments(store).remove(name);
  return store.commit(isReckoned ? [gone, reckoned(store, reservation)] : [gone]);
}

/** While this process waits for a purchase nobody else finds out what became of it. */
function waitFor({ underWay }: Customer, { txn, bought }: Pick<OnLane, "txn" | "bought">): void {
  underWay.add(txn);
  const over = (): boolean => underWay.delete(txn);
  bought.then(over, over);
}

/** Waits for the word on a lane, which nearly always comes with the answer; nobody waits for it longer than `WORD_WITHIN`. */
function forAWhile({ party }: Customer, word: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const callOff = party.runtime.later(WORD_WITHIN, resolve);
    const end = (): void => {
      callOff();
      resolve();
    };
    word.then(end, end);
  });
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
