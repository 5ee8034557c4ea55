/**
 * The sandbox bank: a funding rail of play money in the broker's own table. Every account exists, holds 1,000 units of
 * the currency and takes the mandate "sandbox". What comes after a plus sign in its name says how it behaves:
 * `+declined` declines; `+unknown` charges and answers "unknown" the first time; `+lost` does neither the first time;
 * `+recallable` charges money that is final only after a minute; `+recalled` charges money that is taken back after one;
 * `+closed` takes charges and no payments.
 */
import { type Amount, amountOf } from "@lepta/protocol";
import type { Charge, ChargeState, FundingRail, PayoutState } from "../ports/rail.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Item, Key, Store } from "../ports/store.ts";

/** What every account holds at first: 1,000 of the major unit, in millionths. */
export const SANDBOX_BALANCE = 1_000_000_000n;
export const SANDBOX_MANDATE = "sandbox";
/** How long recallable money takes to become final, in milliseconds. */
export const SANDBOX_CLEARING = 60_000;

/** How often a commit of the bank's is tried again because its state had moved. */
const ATTEMPTS = 100;
const MAJOR = 1_000_000n;

const units = new Map<string, bigint>();

/** The currency's smallest coin (ISO 4217), in millionths of the major unit: EUR 10,000, JPY 1,000,000. */
export function smallestUnit(currency: string): bigint {
  const known = units.get(currency);
  if (known !== undefined) return known;
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  const { maximumFractionDigits: digits = 2 } = format.resolvedOptions();
  const unit = MAJOR / 10n ** BigInt(digits);
  units.set(currency, unit);
  return unit;
}

export function sandboxRail(store: Store, runtime: Runtime): FundingRail {
  return {
    name: "sandbox",
    unit: smallestUnit,
    accepts: async (account, mandate) =>
      mandate === SANDBOX_MANDATE && /^[\w.-]{1,64}(\+[a-z]+)?$/.test(account),
    charge: (charge) => chargeAccount(store, runtime, charge),
    find: async (key) => stateOf((await store.get([chargeKey(key)]))[0], runtime.now()),
    cancel: (key) => cancelCharge(store, runtime, key),
    pay: (payout) => payAccount(store, runtime, payout),
  };
}

async function chargeAccount(
  store: Store,
  runtime: Runtime,
  { key, account, amount }: Charge,
): Promise<ChargeState> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const [known, balanceItem] = await store.get([chargeKey(key), accountKey(account, amount.currency)]);
    const behaviour = account.split("+")[1] ?? "";
    if (known !== undefined && known.state !== "lost") return stateOf(known, runtime.now());
    if (behaviour === "lost" && known === undefined) {
      await store.commit([{ put: { state: "lost" }, at: chargeKey(key), expect: "absent" }]);
      return { state: "unknown" };
    }
    const balance = balanceItem === undefined ? SANDBOX_BALANCE : BigInt(balanceItem.balance as bigint);
    const isDeclined = behaviour === "declined" || balance < amount.value;
    const charge: Item = isDeclined
      ? { state: "declined" }
      : {
          state: "charged",
          account,
          ...amount,
          chargedAt: runtime.now(),
          recallable: behaviour.startsWith("recall") ? 1 : 0,
          ...(behaviour === "recalled" ? { recalled: 1 } : {}),
        };
    const outcome = await store.commit([
      { put: charge, at: chargeKey(key), expect: known === undefined ? "absent" : { state: "lost" } },
      {
        put: { balance: isDeclined ? balance : balance - amount.value },
        at: accountKey(account, amount.currency),
        expect: balanceItem === undefined ? "absent" : { balance },
      },
    ]);
    if (outcome === "committed")
      return behaviour === "unknown" ? { state: "unknown" } : stateOf(charge, runtime.now());
    await runtime.sleep(attempt);
  }
  return { state: "unknown" };
}

async function payAccount(
  store: Store,
  runtime: Runtime,
  { key, account, amount }: Charge,
): Promise<PayoutState> {
  const behaviour = account.split("+")[1] ?? "";
  const reference = `sandbox-payout-${key.slice(0, 12)}`;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const [known, balanceItem] = await store.get([payoutKey(key), accountKey(account, amount.currency)]);
    if (known?.state === "declined") return { state: "declined" };
    // What was paid under this key, whatever is asked for now: the broker compares.
    if (known?.state === "paid") {
      const paid = amountOf(String(known.currency), BigInt(known.value as bigint));
      return { state: "paid", account: String(known.account), amount: paid, reference };
    }
    if (behaviour === "lost" && known === undefined) {
      await store.commit([{ put: { state: "lost" }, at: payoutKey(key), expect: "absent" }]);
      return { state: "unknown" };
    }
    const isDeclined = behaviour === "closed";
    const balance = balanceItem === undefined ? SANDBOX_BALANCE : BigInt(balanceItem.balance as bigint);
    const outcome = await store.commit([
      {
        put: { state: isDeclined ? "declined" : "paid", account, ...amount, paidAt: runtime.now() },
        at: payoutKey(key),
        expect: known === undefined ? "absent" : { state: "lost" },
      },
      {
        put: { balance: isDeclined ? balance : balance + amount.value },
        at: accountKey(account, amount.currency),
        expect: balanceItem === undefined ? "absent" : { balance },
      },
    ]);
    if (outcome === "committed" && behaviour === "unknown") return { state: "unknown" };
    if (outcome === "moved") await runtime.sleep(attempt);
  }
  return { state: "unknown" };
}

async function cancelCharge(store: Store, runtime: Runtime, key: string): Promise<ChargeState> {
  const [known] = await store.get([chargeKey(key)]);
  if (known !== undefined && known.state !== "lost") return stateOf(known, runtime.now());
  const put = {
    put: { state: "cancelled" },
    at: chargeKey(key),
    expect: known === undefined ? "absent" : { state: "lost" },
  } as const;
  return (await store.commit([put])) === "committed" ? { state: "cancelled" } : { state: "unknown" };
}

function stateOf(item: Item | undefined, now: number): ChargeState {
  if (item === undefined || item.state === "lost") return { state: "not-found" };
  if (item.state === "declined" || item.state === "cancelled") return { state: item.state };
  const amount: Amount = amountOf(String(item.currency), BigInt(item.value as bigint));
  const chargedAt = Number(item.chargedAt);
  const isCleared = now >= chargedAt + SANDBOX_CLEARING;
  if (item.recalled !== undefined && isCleared) return { state: "recalled" };
  const final = Number(item.recallable) === 0 || isCleared;
  return {
    state: "charged",
    account: String(item.account),
    amount,
    reference: `sandbox-${chargedAt}`,
    final,
  };
}

const chargeKey = (key: string): Key => ({ pk: `BANKCHARGE#${key}`, sk: "CHARGE" });
const payoutKey = (key: string): Key => ({ pk: `BANKPAYOUT#${key}`, sk: "PAYOUT" });
const accountKey = (account: string, currency: string): Key => ({
  pk: `BANKACCOUNT#${account}`,
  sk: currency,
});
