import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryPeerStore, type PeerStore, sqlitePeerStore } from "@lepta/peer-sdk";
import { type Amount, isRefusal, limits, type Or, parseAmount } from "@lepta/protocol";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { type Budget, openBudget } from "../../peer-sdk/src/customer/budgets.ts";
import { KeyedLock } from "../../peer-sdk/src/lock.ts";
import {
  Crash,
  DAY,
  HOUR,
  MINUTE,
  mortalStore,
  repeatableRuntime,
  type WorldRuntime,
} from "./support/world.ts";

const euro = (text: string): Amount => parseAmount(`EUR ${text}`);
const day = { max: euro("1.00"), perDay: euro("2.00") };

let runtime: WorldRuntime;
let lock: KeyedLock;
let store: PeerStore;
beforeEach(() => {
  runtime = repeatableRuntime("budgets");
  lock = new KeyedLock();
  store = memoryPeerStore();
});

/** As a wallet opens it; in a process of its own where `from` is another store. */
const opened = (name = "agent", from: PeerStore = store): Budget =>
  openBudget({ store: from, runtime, lock: from === store ? lock : new KeyedLock() }, name, "EUR");
const outcome = async (work: Promise<Or<void>>): Promise<string> => {
  const said = await work;
  return isRefusal(said) ? said.code : "reserved";
};
const spentOf = async (budget: Budget): Promise<readonly bigint[]> => {
  const { last24h, reserved } = await budget.spent();
  return [last24h.value, reserved.value];
};

describe("a budget", () => {
  test("takes payments up to the day's limit, exactly, and not a millionth more", async () => {
    const budget = opened();
    expect(await outcome(budget.reserve("a", euro("1.00"), day))).toBe("reserved");
    expect(await outcome(budget.reserve("b", euro("1.00"), day))).toBe("reserved");
    expect(await outcome(budget.reserve("c", euro("0.000001"), day))).toBe("over-budget");
    expect(await spentOf(budget)).toEqual([0n, 2_000_000n]);
  });

  test("refuses one payment above the maximum, however much of the day is left", async () => {
    const budget = opened();
    expect(await outcome(budget.reserve("a", euro("1.000001"), day))).toBe("over-max");
    expect(await outcome(budget.reserve("b", euro("1.000001"), { max: euro("1.00") }))).toBe("over-max");
    expect(await spentOf(budget)).toEqual([0n, 0n]);
  });

  test("counts what was charged in place of what was reserved, once however often it is told", async () => {
    const budget = opened();
    await budget.reserve("a", euro("1.00"), day);
    await budget.confirm("a", euro("0.40"));
    await budget.confirm("a", euro("0.40"));
    await budget.confirm("a", euro("0.10"));
    expect(await spentOf(budget)).toEqual([400_000n, 0n]);
    await budget.confirm("a", euro("0.50"));
    expect(await spentOf(budget)).toEqual([500_000n, 0n]);
  });

  test("takes the same id twice as one reservation, before and after it is confirmed", async () => {
    const budget = opened();
    for (let i = 0; i < 3; i += 1)
      expect(await outcome(budget.reserve("a", euro("0.90"), day))).toBe("reserved");
    expect(await outcome(budget.reserve("a", euro("0.80"), day))).toBe("conflict");
    await budget.confirm("a", euro("0.30"));
    expect(await outcome(budget.reserve("a", euro("0.90"), day))).toBe("reserved");
    expect(await outcome(budget.reserve("a", euro("0.30"), day))).toBe("conflict");
    expect(await spentOf(budget)).toEqual([300_000n, 0n]);
  });

  test("gives back what is released, and nothing for a release that comes twice or after the charge", async () => {
    const budget = opened();
    await budget.reserve("a", euro("1.00"), day);
    await budget.reserve("b", euro("0.50"), day);
    await budget.release("a");
    await budget.release("a");
    await budget.release("never");
    expect(await spentOf(budget)).toEqual([0n, 500_000n]);
    await budget.confirm("b", euro("0.50"));
    await budget.release("b");
    expect(await spentOf(budget)).toEqual([500_000n, 0n]);
  });

  test("counts a charge that nobody reserved or that was released wrongly, even past the limit", async () => {
    const budget = opened();
    await budget.reserve("a", euro("1.00"), day);
    await budget.release("a");
    await budget.confirm("a", euro("1.00"));
    await budget.confirm("b", euro("1.50"));
    expect(await spentOf(budget)).toEqual([2_500_000n, 0n]);
    expect(await outcome(budget.reserve("c", euro("0.01"), day))).toBe("over-budget");
    expect(await outcome(budget.reserve("a", euro("1.00"), day))).toBe("reserved");
    expect(await spentOf(budget)).toEqual([2_500_000n, 0n]);
  });

  test("never lets payments of the same moment pass the limit together, through however many handles", async () => {
    const handles = [opened(), opened()];
    const outcomes = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        const budget = handles[i % 2] as Budget;
        return outcome(budget.reserve(`p${i}`, euro("0.03"), day));
      }),
    );
    expect(outcomes.filter((each) => each === "reserved")).toHaveLength(66);
    expect(outcomes.filter((each) => each === "over-budget")).toHaveLength(934);
    expect(await spentOf(handles[0] as Budget)).toEqual([0n, 1_980_000n]);
  });

  test("refuses amounts and limits of another currency, and amounts below nothing", async () => {
    const budget = opened();
    const dollars = parseAmount("USD 0.10");
    expect(await outcome(budget.reserve("a", dollars, day))).toBe("wrong-currency");
    expect(await outcome(budget.reserve("a", euro("0.10"), { max: dollars }))).toBe("wrong-currency");
    expect(await outcome(budget.reserve("a", euro("0.10"), { ...day, perDay: dollars }))).toBe(
      "wrong-currency",
    );
    expect(await outcome(budget.reserve("a", { currency: "EUR", value: -1n }, day))).toBe("bad-amount");
    const huge = { currency: "EUR", value: limits.amount };
    expect(await outcome(budget.reserve("a", huge, { max: huge }))).toBe("reserved");
    expect(await outcome(budget.reserve("b", huge, { max: huge }))).toBe("amount-overflow");
    await budget.reserve("c", euro("0.10"), day);
    await expect(budget.confirm("c", dollars)).rejects.toThrow();
  });

  test("knows nothing of a budget with another name, also where one name begins with the other", async () => {
    const [agent, agents] = [opened("agent"), opened("agent-2")];
    await agent.reserve("a", euro("1.00"), day);
    await agents.reserve("b", euro("0.50"), day);
    expect(await agent.open()).toEqual(["a"]);
    expect(await agents.open()).toEqual(["b"]);
    expect(await spentOf(agents)).toEqual([0n, 500_000n]);
    expect(() => opened("agent/a")).toThrow();
    await expect(agent.reserve("a/b", euro("1.00"), day)).rejects.toThrow();
  });
});

describe("the day of a budget", () => {
  test("is the last 24 hours: a charge is free again when they are over, and not a moment before", async () => {
    const budget = opened();
    await budget.reserve("a", euro("1.00"), day);
    runtime.advance(HOUR);
    await budget.confirm("a", euro("1.00"));
    await budget.reserve("b", euro("1.00"), day);
    await budget.confirm("b", euro("1.00"));
    runtime.advance(DAY - 1);
    expect(await outcome(budget.reserve("c", euro("0.01"), day))).toBe("over-budget");
    runtime.advance(1);
    expect(await spentOf(budget)).toEqual([0n, 0n]);
    expect(await outcome(budget.reserve("c", euro("1.00"), day))).toBe("reserved");
  });

  test("does not free what is not known to have ended", async () => {
    const budget = opened();
    await budget.reserve("a", euro("1.00"), day);
    runtime.advance(30 * DAY);
    expect(await spentOf(budget)).toEqual([0n, 1_000_000n]);
    expect(await budget.open()).toEqual(["a"]);
  });

  test("frees nothing when the clock is set back, nor when it is put right again", async () => {
    const budget = opened();
    await budget.reserve("a", euro("1.00"), day);
    await budget.confirm("a", euro("1.00"));
    runtime.advance(-3 * DAY);
    expect(await spentOf(budget)).toEqual([1_000_000n, 0n]);
    const again = opened();
    await again.reserve("b", euro("1.00"), day);
    await again.confirm("b", euro("1.00"));
    runtime.advance(3 * DAY + HOUR);
    // Written down with the clock of three days ago, it would be free by now.
    expect(await outcome(again.reserve("c", euro("0.01"), day))).toBe("over-budget");
    runtime.advance(DAY - HOUR);
    expect(await outcome(again.reserve("c", euro("1.00"), day))).toBe("reserved");
  });

  test("forgets what is older, so that the store holds no more than the day", async () => {
    const budget = opened();
    for (let i = 0; i < 1200; i += 1) await budget.confirm(`p${i}`, euro("0.000001"));
    const kept = async () => (await store.list("budget-")).length;
    expect(await kept()).toBe(2400);
    runtime.advance(DAY);
    await budget.spent();
    expect(await kept()).toBe(0);
  });
});

describe("a restart", () => {
  test("keeps what was charged and what was reserved, and tells which reservations are left", async () => {
    const dir = mkdtempSync(join(tmpdir(), "lepta-budget-"));
    try {
      const first = sqlitePeerStore(dir);
      const before = opened("agent", first);
      await before.reserve("a", euro("1.00"), day);
      await before.confirm("a", euro("0.75"));
      await before.reserve("b", euro("1.00"), day);
      await first.close();
      const disk = sqlitePeerStore(dir);
      const after = opened("agent", disk);
      expect(await after.open()).toEqual(["b"]);
      expect(await spentOf(after)).toEqual([750_000n, 1_000_000n]);
      expect(await outcome(after.reserve("c", euro("0.250001"), day))).toBe("over-budget");
      await after.release("b");
      expect(await outcome(after.reserve("c", euro("1.00"), day))).toBe("reserved");
      await disk.close();
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  test.each(["before", "after"] as const)(
    "in the middle of any commit (%s it is durable) leaves the sums what their parts are",
    async (when) => {
      const inner = memoryPeerStore();
      for (let at = 1; at <= 5; at += 1) {
        const mortal = mortalStore(inner, { at, when });
        const budget = opened("agent", mortal);
        for (const step of [
          () => budget.reserve(`${at}x`, euro("0.01"), day),
          () => budget.confirm(`${at}x`, euro("0.005")),
          () => budget.reserve(`${at}y`, euro("0.02"), day),
          () => budget.release(`${at}y`),
          () => budget.reserve(`${at}z`, euro("0.03"), day),
        ])
          await step().catch(dead);
        expect(mortal.isDead()).toBe(true);
        const after = opened("agent", inner);
        const { last24h, reserved } = await after.spent();
        const parts = async (prefix: string): Promise<number> => (await inner.list(prefix)).length;
        expect(last24h.value).toBe(5_000n * BigInt(await parts("budget-charged/")));
        const [open, y] = [await after.open(), 20_000n];
        const sum = open.reduce(
          (all, id) => all + (id.endsWith("x") ? 10_000n : id.endsWith("y") ? y : 30_000n),
          0n,
        );
        expect(reserved.value).toBe(sum);
      }
    },
  );
});

test("whatever is asked of a budget in whatever order, it never lets more through than its limit, and agrees with plain sums", async () => {
  const id = fc.integer({ min: 0, max: 12 }).map((n) => `p${n}`);
  const amount = fc.bigInt({ min: 0n, max: 800_000n }).map((value) => ({ currency: "EUR", value }));
  const step = fc.oneof(
    fc.record({ does: fc.constant("reserve" as const), id, amount }),
    fc.record({ does: fc.constant("confirm" as const), id, amount }),
    fc.record({ does: fc.constant("release" as const), id, amount }),
    fc.record({ does: fc.constant("wait" as const), id, amount }),
  );
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      run += 1;
      const budget = opened(`run-${run}`);
      const reserved = new Map<string, bigint>();
      const charged = new Map<string, { readonly value: bigint; readonly at: number }>();
      for (const { does, id: of, amount: wished } of steps) {
        const now = runtime.now();
        for (const [each, { at }] of charged) if (at + DAY <= now) charged.delete(each);
        const [aside, taken] = [reserved.get(of), charged.get(of)];
        if (does === "wait") runtime.advance(Number(wished.value) * 60 + MINUTE);
        if (does === "reserve" && aside === undefined && taken === undefined) {
          const sum = [...reserved.values(), ...[...charged.values()].map(({ value }) => value)].reduce(
            (a, b) => a + b,
            wished.value,
          );
          const isTaken = sum <= day.perDay.value;
          expect(await outcome(budget.reserve(of, wished, day))).toBe(isTaken ? "reserved" : "over-budget");
          if (isTaken) reserved.set(of, wished.value);
        }
        if (does === "release") {
          await budget.release(of);
          reserved.delete(of);
        }
        if (does === "confirm") {
          await budget.confirm(of, wished);
          reserved.delete(of);
          if (taken === undefined || taken.value < wished.value)
            charged.set(of, { value: wished.value, at: now });
        }
      }
      const sums = await spentOf(budget);
      const now = runtime.now();
      const live = [...charged.values()].filter(({ at }) => at + DAY > now);
      expect(sums).toEqual([
        live.reduce((sum, { value }) => sum + value, 0n),
        [...reserved.values()].reduce((sum, value) => sum + value, 0n),
      ]);
    }),
    { numRuns: 60 },
  );
});

/** The process is gone. */
function dead(error: unknown): undefined {
  if (!(error instanceof Crash)) throw error;
  return undefined;
}
