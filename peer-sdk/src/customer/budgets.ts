/**
 * What may be spent in a day. An amount is reserved before anything is paid and confirmed with what was charged; what is not
 * known stays reserved, so whatever fails leaves less to spend and never more.
 */
import {
  type Amount,
  add,
  formatAmount,
  isRefusal,
  LeptaError,
  limits,
  type Or,
  orThrow,
  refuse,
} from "@lepta/protocol";
import type { KeyedLock } from "../lock.ts";
import type { Change, PeerStore, Runtime } from "../ports.ts";
import { type BudgetTables, type BudgetTotals, budgetTables } from "./budget-records.ts";
import { historyId } from "./records.ts";

/** What one payment and all payments of 24 hours may come to. */
export interface SpendingLimits {
  readonly max: Amount;
  readonly perDay?: Amount;
}

/** What a budget has let through. */
export interface Spent {
  /** Charged within the last 24 hours. */
  readonly last24h: Amount;
  /** Not known yet: under way, or never answered. */
  readonly reserved: Amount;
}

/** What may be spent: reserved before it is paid, confirmed after. What is not known counts as spent. */
export interface Budget {
  /**
   * Sets an amount aside, durably, before it is paid; the same id twice is one reservation. `over-max` or `over-budget` where it
   * passes a limit, `wrong-currency`, `bad-amount`, `conflict` where the id stands for another amount.
   */
  reserve(id: string, amount: Amount, limits: SpendingLimits): Promise<Or<void>>;
  /** What was charged in the end: it counts for 24 hours from now, also where nothing was reserved for it or more was charged. */
  confirm(id: string, charged: Amount): Promise<void>;
  /** Only where it is certain that nothing was charged, and that nothing will be. */
  release(id: string): Promise<void>;
  /** What counts against the limit of a day now. */
  spent(): Promise<Spent>;
  /** The reservations that are neither confirmed nor released: after a restart whoever made them has to find out. */
  open(): Promise<readonly string[]>;
}

export interface BudgetPorts {
  readonly store: PeerStore;
  readonly runtime: Pick<Runtime, "now">;
  /** One lock for all budgets of a store: each of a name may be opened more than once. */
  readonly lock: KeyedLock;
}

/** The budget of this name in a wallet's store, in one currency. Throws `internal` where the name is none. */
export function openBudget({ store, runtime, lock }: BudgetPorts, name: string, currency: string): Budget {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(name)) throw new LeptaError("internal", `a budget named ${name}`);
  const tables = budgetTables(store, name);
  const alone = <T>(work: (totals: BudgetTotals) => Promise<T>): Promise<T> =>
    lock.run(`budget/${name}`, async () =>
      work(await withoutOld(store, tables, await totalsOf(tables, currency, runtime))),
    );
  return {
    reserve: async (id, amount, allowed) => {
      checkId(id);
      const refusal = withinOne(amount, currency, allowed);
      if (refusal !== undefined) return refusal;
      return alone(async (totals) => {
        const known = (await tables.reserved.get(id)) ?? (await wasReserved(tables, id, amount));
        if (known !== undefined) return known.value === amount.value ? undefined : refuse("conflict", id);
        if (totals.entries >= limits.budgetEntries)
          return refuse("over-budget", "as many payments as a budget remembers");
        const next = withinDay(totals, amount, allowed.perDay);
        if (isRefusal(next)) return next;
        await store.commit([
          tables.reserved.put(id, amount),
          tables.totals({ ...totals, reserved: next, entries: totals.entries + 1 }),
        ]);
        return undefined;
      });
    },
    confirm: async (id, charged) => {
      checkId(id);
      if (charged.currency !== currency) throw new LeptaError("wrong-currency");
      return alone(async (totals) => {
        const changes = await confirmed(tables, totals, id, charged);
        if (changes.length > 0) await store.commit(changes);
      });
    },
    release: async (id) => {
      checkId(id);
      return alone(async (totals) => {
        const reserved = await tables.reserved.get(id);
        if (reserved === undefined) return;
        await store.commit([
          tables.reserved.remove(id),
          tables.totals({
            ...totals,
            reserved: minus(totals.reserved, reserved),
            entries: totals.entries - 1,
          }),
        ]);
      });
    },
    spent: () => alone(async ({ charged: last24h, reserved }) => ({ last24h, reserved })),
    open: async () => (await tables.reserved.list()).map(([id]) => id),
  };
}

/** How long what was charged counts, in milliseconds. */
const DAY = 24 * 60 * 60 * 1000;
/** Entries that are forgotten in one commit. */
const PAGE = 500;

/** What was set aside for what is charged already; as much as now where nothing was. */
async function wasReserved(tables: BudgetTables, id: string, amount: Amount): Promise<Amount | undefined> {
  const charged = await tables.charged.get(id);
  return charged === undefined ? undefined : (charged.reserved ?? amount);
}

/** What holds of a payment whatever else was spent. */
function withinOne(amount: Amount, currency: string, { max, perDay }: SpendingLimits) {
  const currencies = [amount, max, ...(perDay === undefined ? [] : [perDay])];
  if (currencies.some((each) => each.currency !== currency)) return refuse("wrong-currency");
  if (amount.value < 0n) return refuse("bad-amount");
  if (amount.value <= max.value) return undefined;
  return refuse("over-max", `${formatAmount(amount)} > ${formatAmount(max)}`);
}

/** What is reserved with this amount, where the day has room for it. */
function withinDay({ charged, reserved }: BudgetTotals, amount: Amount, perDay: Amount | undefined) {
  const next = add(reserved, amount);
  if (isRefusal(next)) return next;
  const all = add(charged, next);
  if (isRefusal(all)) return all;
  if (perDay === undefined || all.value <= perDay.value) return next;
  const [spent, aside] = [formatAmount(charged), formatAmount(reserved)];
  return refuse("over-budget", `${spent} spent, ${aside} set aside, ${formatAmount(perDay)} a day`);
}

/** The sums as they stand now. A clock that was set back frees nothing: the latest moment that was seen counts. */
async function totalsOf(
  tables: BudgetTables,
  currency: string,
  { now }: Pick<Runtime, "now">,
): Promise<BudgetTotals> {
  const nothing = { currency, value: 0n };
  const known = (await tables.known()) ?? { charged: nothing, reserved: nothing, latest: 0, entries: 0 };
  if (known.charged.currency !== currency || known.reserved.currency !== currency)
    throw new LeptaError("wrong-currency", `the budget is in ${known.charged.currency}`);
  return { ...known, latest: Math.max(known.latest, now()) };
}

/** The sums without what was charged more than a day ago, which is forgotten. */
async function withoutOld(
  store: PeerStore,
  tables: BudgetTables,
  totals: BudgetTotals,
): Promise<BudgetTotals> {
  let left = totals;
  // Mostly nothing is old: the first one tells.
  for (let limit = 1; ; limit = PAGE) {
    const page = await tables.byTime.list({ limit });
    const old = page.filter(([, { at }]) => at + DAY <= left.latest);
    if (old.length === 0) return left;
    for (const [, { amount }] of old) left = { ...left, charged: minus(left.charged, amount) };
    left = { ...left, entries: left.entries - old.length };
    await store.commit([
      ...old.flatMap(([place, { id }]) => [tables.byTime.remove(place), tables.charged.remove(id)]),
      tables.totals(left),
    ]);
  }
}

/** What changes with what was charged; nothing where as much is known already. */
async function confirmed(
  tables: BudgetTables,
  totals: BudgetTotals,
  id: string,
  amount: Amount,
): Promise<readonly Change[]> {
  const reserved = await tables.reserved.get(id);
  const before = await tables.charged.get(id);
  // Told twice: it was charged once, and where the words differ the larger sum counts.
  if (before !== undefined && before.amount.value >= amount.value) return [];
  const { latest: at } = totals;
  const charged = minus(totals.charged, before?.amount);
  const isNew = reserved === undefined && before === undefined;
  const set = reserved ?? before?.reserved;
  return [
    ...(reserved === undefined ? [] : [tables.reserved.remove(id)]),
    ...(before === undefined ? [] : [tables.byTime.remove(historyId(before.at, id))]),
    tables.charged.put(id, { amount, at, ...(set === undefined ? {} : { reserved: set }) }),
    tables.byTime.put(historyId(at, id), { id, amount, at }),
    tables.totals({
      ...totals,
      charged: orThrow(add(charged, amount)),
      reserved: minus(totals.reserved, reserved),
      entries: totals.entries + (isNew ? 1 : 0),
    }),
  ];
}

/** Sums hold what was added to them. */
function minus(sum: Amount, part: Amount | undefined): Amount {
  const value = sum.value - (part?.value ?? 0n);
  if (value < 0n) throw new LeptaError("store-damaged", "budget: its parts are more than its sum");
  return { ...sum, value };
}

function checkId(id: string): void {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(id)) throw new LeptaError("internal", "an id of a reservation");
}
