import { functions, type Item, type Key, keys, type Write } from "@lepta/lambdas";
import { createReconcile } from "@lepta/lambdas/handlers/reconcile";
import { memoryObserver } from "@lepta/lambdas/memory/observer";
import { reconcile, reconcileBounds } from "@lepta/lambdas/pipeline/reconcile";
import { FINDINGS, type Progress } from "@lepta/lambdas/pipeline/reconcile-progress";
import { reconciliationOf } from "@lepta/lambdas/wiring";
import { orThrow, readScrip, sha256 } from "@lepta/protocol";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { BrokerUnderTest } from "../../support/broker.ts";
import { type BusyTable, busyTable } from "../../support/busy-table.ts";
import type { StoredItem } from "../../support/dynoxide-table.ts";
import { enrolledPeer, euro, HOUR } from "../../support/peer.ts";
import { makeSettlement, settle } from "../../support/returns.ts";

const whole = { page: 1_000, time: 600_000 };
let table: BusyTable;
let broker: BrokerUnderTest;
let pristine: readonly StoredItem[];

beforeAll(async () => {
  table = await busyTable();
  broker = table.broker;
  pristine = await broker.items();
});

afterEach(async () => {
  const now = new Map((await broker.items()).map((each) => [nameOf(each.key), each.key]));
  for (const { key } of pristine) now.delete(nameOf(key));
  await commit(pristine.map(({ key, item }) => ({ put: item, at: key, expect: "any" })));
  await commit([...now.values()].map((at) => ({ remove: true, at, expect: "any" })));
});

const nameOf = ({ pk, sk }: Key): string => `${pk} / ${sk}`;

async function commit(writes: readonly Write[]): Promise<void> {
  for (const write of writes) await broker.wiring.store.commit([write]);
}

/** A whole run, from JSON to JSON; `between` runs after every call. */
async function run(each = whole, between: () => Promise<unknown> = async () => {}) {
  const ports = reconciliationOf(broker.wiring);
  let outcome = await reconcile(ports, undefined, each);
  while (!outcome.done) {
    await between();
    outcome = await reconcile(ports, JSON.parse(JSON.stringify(outcome.progress)) as Progress, each);
  }
  return outcome;
}

const told = (findings: readonly { readonly name: string; readonly key: Key }[]) =>
  findings.map(({ name, key }) => `${name} ${nameOf(key)}`).sort();

async function itemAt(key: Key): Promise<Item> {
  const [item] = await broker.wiring.store.get([key]);
  if (item === undefined) throw new Error(`there is no item at ${nameOf(key)}`);
  return item;
}

/** What a corruption does: items with other attributes, gone, or added. */
const change = async (at: Key, more: Readonly<Record<string, unknown>>) => {
  const next = Object.entries({ ...(await itemAt(at)), ...more }).filter(([, value]) => value !== undefined);
  await commit([{ put: Object.fromEntries(next) as Item, at, expect: "present" }]);
};
const remove = async (at: Key) => {
  await itemAt(at);
  await commit([{ remove: true, at, expect: "present" }]);
};
const add = (at: Key, put: Item) => commit([{ put, at, expect: "absent" }]);

const find = (prefix: string, wanted: (item: Item) => boolean = () => true): StoredItem => {
  const one = pristine.find(({ key, item }) => nameOf(key).startsWith(prefix) && wanted(item));
  if (one === undefined) throw new Error(`nothing begins with ${prefix}`);
  return one;
};
const record = (txn = "") =>
  find("PEER#", (item) => item === pristine.find(({ key }) => key.sk === `TXN#${txn}`)?.item);
const purse = () => keys.purse(table.alice.uid);
const txn = (name: string) => record(table.txns[name]).key;
const creditOf = (name: string) => keys.credit(table.shop.uid, table.alice.uid, table.txns[name] ?? "");
const firstOf = (key: Key) => key.pk.split("#")[1] ?? "";
const books = "books-unbalanced BOOKS / EUR";

interface Corruption {
  readonly what: string;
  readonly plant: () => Promise<void>;
  /** Every finding, and no other. */
  readonly expected: () => readonly string[];
}

const corruptions: readonly Corruption[] = [
  {
    what: "the value of a purse is raised",
    plant: async () =>
      change(purse(), { value: BigInt((await itemAt(purse())).value as bigint) + 1_000_000n }),
    expected: () => [books, `purse-altered ${nameOf(purse())}`, `purse-wrong ${nameOf(purse())}`],
  },
  {
    what: "a spent scrip is brought back with its tombstone",
    plant: async () => {
      const { item } = record(table.txns.sold);
      const before = pristine.find(
        ({ key, item: each }) => key.pk === purse().pk && grants(each, String(item.spent)),
      );
      if (before === undefined) throw new Error("nothing granted it");
      const { sequence, head, certificate, salt, currency } = await itemAt(purse());
      const live = { scrip: item.spent, body: before.item.grantBody, value: item.spentValue };
      const { expiresAt } = orThrow(readScrip(before.item.grantBody as Uint8Array));
      await change(purse(), { sequence, head, certificate, salt, currency, ...live, expiresAt });
    },
    expected: () => [books, `purse-wrong ${nameOf(purse())}`, `tombstone-of-live ${nameOf(purse())}`],
  },
  {
    what: "a record of a purchase is removed",
    plant: () => remove(txn("held")),
    expected: () => [
      `chain-broken ${nameOf(purse())}`,
      `credit-of-no-transaction ${nameOf(creditOf("held"))}`,
      // It was the one that granted the live scrip.
      `purse-of-no-record ${nameOf(purse())}`,
      `purse-wrong ${nameOf(purse())}`,
      `tombstone-altered ${nameOf(keys.tombstone(table.alice.uid, String(record(table.txns.held).item.spent)))}`,
    ],
  },
  {
    what: "a record that moved nothing is removed",
    plant: () => remove(txn("refused")),
    expected: () => [`chain-broken ${nameOf(purse())}`],
  },
  {
    what: "a record is altered",
    plant: () => change(txn("refused"), { reason: "aborted" }),
    expected: () => [`record-altered ${nameOf(txn("refused"))}`],
  },
  {
    what: "an attribute is added to a record",
    plant: () => change(txn("refused"), { note: "by hand" }),
    expected: () => [`record-altered ${nameOf(txn("refused"))}`],
  },
  {
    what: "the head of a chain is altered in the purse",
    plant: () => change(purse(), { head: sha256() }),
    expected: () => [`chain-broken ${nameOf(purse())}`],
  },
  {
    what: "the place of a record is altered",
    plant: async () => change(txn("refused"), { sequence: 7_777 }),
    expected: () => [`chain-broken ${nameOf(purse())}`],
  },
  {
    what: "a credit is doubled under another transaction",
    plant: async () =>
      add(keys.credit(table.shop.uid, table.alice.uid, OTHER), await itemAt(creditOf("held"))),
    expected: () => [
      books,
      `credit-of-no-transaction ${nameOf(keys.credit(table.shop.uid, table.alice.uid, OTHER))}`,
    ],
  },
  {
    what: "a credit is given to another merchant",
    plant: async () =>
      add(
        keys.credit(table.alice.uid, table.alice.uid, table.txns.held ?? ""),
        await itemAt(creditOf("held")),
      ),
    expected: () => [
      books,
      `credit-of-no-transaction ${nameOf(keys.credit(table.alice.uid, table.alice.uid, table.txns.held ?? ""))}`,
    ],
  },
  {
    what: "a credit is removed",
    plant: () => remove(creditOf("held")),
    expected: () => [
      books,
      `credit-missing ${nameOf(txn("held"))}`,
      `due-stray ${nameOf(find(`MERCHANT#${table.shop.uid} / DUE#`, (item) => item.txn === table.txns.held).key)}`,
    ],
  },
  {
    what: "a credit states another value",
    plant: () => change(creditOf("held"), { value: 150_001n }),
    expected: () => [`credit-differs ${nameOf(creditOf("held"))}`],
  },
  {
    what: "more is owed for a credit than was authorised",
    plant: () => change(creditOf("held"), { owed: 150_001n }),
    expected: () => [books, `credit-owed-wrong ${nameOf(creditOf("held"))}`],
  },
  {
    what: "what was refunded is owed again",
    plant: () => change(creditOf("refundedInPart"), { owed: 200_000n }),
    expected: () => [books],
  },
  {
    what: "a credit counts as paid that no settlement names",
    plant: () => change(creditOf("held"), { state: "settled", settlement: table.txns.settlement }),
    expected: () => [
      books,
      `credit-not-in-settlement ${nameOf(creditOf("held"))}`,
      `due-stray ${nameOf(find(`MERCHANT#${table.shop.uid} / DUE#`, (item) => item.txn === table.txns.held).key)}`,
    ],
  },
  {
    what: "a paid credit is owed again",
    plant: () => change(creditOf("settled"), { state: "held", settlement: undefined }),
    expected: () => [
      books,
      `due-missing ${nameOf(creditOf("settled"))}`,
      `settlement-credit-missing ${nameOf(txn("settlement"))}`,
    ],
  },
  {
    what: "a settlement that is not confirmed pays too much",
    plant: async () => {
      const { paid } = await itemAt(txn("unconfirmed"));
      await change(txn("unconfirmed"), { paid: BigInt(paid as bigint) + 10_000n });
    },
    expected: () => [books, `settlement-unbalanced ${nameOf(txn("unconfirmed"))}`],
  },
  {
    what: "what is carried over is raised",
    plant: () => change(keys.carry(table.shop.uid, "EUR"), { carried: 9_999n }),
    expected: () => [books, `carry-wrong ${nameOf(keys.carry(table.shop.uid, "EUR"))}`],
  },
  {
    what: "a tombstone is gone",
    plant: () => remove(keys.tombstone(table.alice.uid, String(record(table.txns.held).item.spent))),
    expected: () => [`tombstone-missing ${nameOf(txn("held"))}`],
  },
  {
    what: "a tombstone names another transaction",
    plant: () =>
      change(keys.tombstone(table.alice.uid, String(record(table.txns.held).item.spent)), {
        txn: table.txns.sold,
      }),
    expected: () => [
      `tombstone-altered ${nameOf(keys.tombstone(table.alice.uid, String(record(table.txns.held).item.spent)))}`,
    ],
  },
  {
    what: "the live scrip has a tombstone",
    plant: async () => {
      const { scrip, value } = await itemAt(purse());
      const { item } = find(`PEER#${table.alice.uid} / SPENT#`);
      await add(keys.tombstone(table.alice.uid, String(scrip)), { ...item, value: value ?? 0n });
    },
    expected: () => {
      const { item } = find(nameOf(purse()));
      return [
        `tombstone-altered ${nameOf(keys.tombstone(table.alice.uid, String(item.scrip)))}`,
        `tombstone-of-live ${nameOf(purse())}`,
      ];
    },
  },
  {
    what: "the exposure is wrong",
    plant: () => change(keys.exposure("EUR"), { outstanding: 1n }),
    expected: () => ["exposure-wrong EXPOSURE / EUR"],
  },
  {
    what: "recallable money is not on the list any more",
    plant: () => remove(keys.open(firstOf(txn("recallable")), table.txns.recallable ?? "")),
    expected: () => ["exposure-wrong EXPOSURE / EUR"],
  },
  {
    what: "an item is of a kind that nobody writes",
    plant: () => add({ pk: `PEER#${table.alice.uid}`, sk: "BONUS#1" }, { value: 1n }),
    expected: () => [`unknown-item PEER#${table.alice.uid} / BONUS#1`],
  },
  {
    what: "an item lies in a partition that nobody has",
    plant: () => add({ pk: "VENDOR#1", sk: "CREDIT" }, { value: 1n }),
    expected: () => ["unknown-item VENDOR#1 / CREDIT"],
  },
  {
    what: "a record is in a state that there is none of",
    plant: () => change(txn("charging"), { state: "minted" }),
    expected: () => [`unknown-item ${nameOf(txn("charging"))}`],
  },
  {
    what: "an attribute of a record is of another kind",
    plant: () => change(txn("refused"), { decidedAt: "yesterday" }),
    expected: () => [`unreadable-item ${nameOf(txn("refused"))}`],
  },
  {
    what: "an attribute of a credit is missing",
    plant: () => change(creditOf("held"), { authorizationDigest: undefined }),
    expected: () => [books, `unreadable-item ${nameOf(creditOf("held"))}`],
  },
  {
    what: "a credit is not in the order of what becomes free",
    plant: () =>
      remove(find(`MERCHANT#${table.shop.uid} / DUE#`, (item) => item.txn === table.txns.held).key),
    expected: () => [`due-missing ${nameOf(creditOf("held"))}`],
  },
  {
    what: "no schedule will finish a transaction",
    plant: () => remove(keys.open(firstOf(txn("charging")), table.txns.charging ?? "")),
    expected: () => [`open-missing ${nameOf(txn("charging"))}`],
  },
  {
    what: "the schedule's list names what is not there",
    plant: () => add(keys.open(table.alice.uid, OTHER), { uid: table.alice.uid, txn: OTHER, since: 1 }),
    expected: () => [`open-stray ${nameOf(keys.open(table.alice.uid, OTHER))}`],
  },
  {
    what: "a reversal's dispute is gone",
    plant: () => remove(keys.dispute(table.shop.uid, table.alice.uid, table.txns.disputed ?? "")),
    expected: () => [
      `dispute-one-sided ${nameOf(creditOf("disputed"))}`,
      `dispute-one-sided ${nameOf(find(purse().pk, (item) => item.state === "disputed").key)}`,
    ],
  },
  {
    what: "a loss is written off for nothing",
    plant: () => add(keys.loss("EUR", table.alice.uid, OTHER), { value: 5n }),
    expected: () => [`loss-of-no-transaction ${nameOf(keys.loss("EUR", table.alice.uid, OTHER))}`],
  },
  {
    what: "an account belongs to nobody",
    plant: () => remove(keys.credential(table.alice.uid)),
    expected: () => [
      `enrolment-one-sided ${nameOf(find("ACCOUNT#", (item) => item.uid === table.alice.uid).key)}`,
      `enrolment-one-sided ${nameOf(purse())}`,
    ],
  },
  {
    what: "a credential holds another peer's key",
    plant: async () =>
      change(keys.credential(table.alice.uid), {
        signingKey: (await itemAt(keys.credential(table.shop.uid))).signingKey,
      }),
    expected: () => [`credential-altered ${nameOf(keys.credential(table.alice.uid))}`],
  },
  {
    what: "a pair of notices matches with one side",
    plant: () => change(noticeOf("one-sided"), { state: "matched" }),
    expected: () => [`notice-altered ${nameOf(noticeOf("one-sided"))}`],
  },
  {
    what: "a statement of one side counts as that of both",
    plant: () => change(statementOf("one-sided"), { state: "matched" }),
    expected: () => [`statement-altered ${nameOf(statementOf("one-sided"))}`],
  },
  {
    what: "two versions of a statement count as one",
    plant: () => change(statementOf("differs"), { state: "matched" }),
    expected: () => [`statement-altered ${nameOf(statementOf("differs"))}`],
  },
  {
    what: "a statement lies where another run ends",
    plant: async () => {
      const at = statementOf("matched");
      await add({ ...at, sk: at.sk.replace(/8$/, "7") }, await itemAt(at));
    },
    expected: () => [`statement-altered ${nameOf(statementOf("matched")).replace(/8$/, "7")}`],
  },
  {
    what: "a statement's bytes are others",
    plant: () => change(statementOf("matched"), { signed: sha256() }),
    expected: () => [`unreadable-item ${nameOf(statementOf("matched"))}`],
  },
  {
    what: "a wait stands where no sweep looks for it in time",
    plant: async () => {
      const { key, item } = find("WAITING#");
      await add({ ...key, sk: key.sk.replace(/^\d+/, "999999999999999") }, item);
    },
    expected: () => [
      `notice-altered ${nameOf(find("WAITING#").key).replace(/ \d{15}#/, " 999999999999999#")}`,
    ],
  },
  {
    what: "what a merchant kept beyond its evidence is of no reversal",
    plant: () => change(find("PAIR#", (item) => item.value === 10_000n).key, { txn: OTHER }),
    expected: () => [`excess-of-no-reversal PAIR#${table.alice.uid}#${table.shop.uid} / EXCESS`],
  },
  {
    what: "no epoch is left to mint under",
    plant: async () => {
      for (const { key } of pristine.filter((each) => each.key.sk.startsWith("EPOCH#"))) await remove(key);
    },
    expected: () => ["keys-missing KEYS / ROOT"],
  },
];

const noticeOf = (state: string): Key =>
  find("PAIR#", (item) => item.state === state && item.customerNotice !== undefined).key;
const statementOf = (state: string): Key =>
  find("PAIR#", (item) => item.state === state && item.signed !== undefined).key;
const OTHER = "AAAAAAAAAAAAAAAAAAAAAA";
const grants = (item: Item, scrip: string): boolean => {
  if (!(item.grantBody instanceof Uint8Array)) return false;
  return orThrow(readScrip(item.grantBody)).id === scrip;
};

describe("the reconciliation", () => {
  test("finds nothing in a table with every flow in every state, and adds up the same books", async () => {
    expect(pristine.length).toBeGreaterThan(150);
    for (const state of [
      "charging",
      "charged",
      "paying",
      "disputed",
      "open",
      "held",
      "settled",
      "ended",
      "void",
    ])
      expect(pristine.some(({ item }) => item.state === state)).toBe(true);
    const { findings, books: found, unsettled, items } = await run();
    expect(findings).toEqual([]);
    expect(found).toEqual(await broker.books());
    expect(found.conserved).toBe(true);
    expect([unsettled, items]).toEqual([0, pristine.length]);
  });

  test.each(corruptions)("names it when $what", async ({ plant, expected }) => {
    await plant();
    expect(told((await run()).findings)).toEqual([...expected()].sort());
  });

  test.each([1, 7])("in pages of %i, resumed after each from JSON, finds the same", async (page) => {
    await change(creditOf("held"), { owed: 150_001n });
    const { findings, books: found } = await run({ page, time: 0 });
    expect(told(findings)).toEqual([books, `credit-owed-wrong ${nameOf(creditOf("held"))}`]);
    expect(found).toEqual(await broker.books());
  });

  test("names so many and counts the others, and what it hands on stays small and holds no salt", async () => {
    const strays = Array.from({ length: FINDINGS + 5 }, (_, i) => ({ pk: "VENDOR#1", sk: `${i}` }));
    for (const at of strays) await add(at, { value: 1n });
    const salts = pristine.flatMap(({ item }) => (item.salt instanceof Uint8Array ? [item.salt] : []));
    let largest = 0;
    const ports = reconciliationOf(broker.wiring);
    let outcome = await reconcile(ports, undefined, { page: 100, time: 0 });
    while (!outcome.done) {
      const json = JSON.stringify(outcome.progress);
      largest = Math.max(largest, json.length);
      for (const salt of salts) expect(json).not.toContain(Buffer.from(salt).toString("base64url"));
      outcome = await reconcile(ports, JSON.parse(json) as Progress, { page: 100, time: 0 });
    }
    expect([outcome.findings.length, outcome.more]).toEqual([FINDINGS, 5]);
    expect(largest).toBeGreaterThan(1_000);
    expect(largest).toBeLessThan(64 * 1024);
  });

  test("the handler tells each finding by its name and key, and neither account nor money", async () => {
    const observer = memoryObserver();
    await remove(keys.tombstone(table.alice.uid, String(record(table.txns.held).item.spent)));
    const answer = await createReconcile({ ...broker.wiring, observer })({});
    const expected = `tombstone-missing ${nameOf(txn("held"))}`;
    if (!answer.done) throw new Error("it has time enough");
    expect(told(answer.findings)).toEqual([expected]);
    expect(JSON.parse(JSON.stringify(answer))).toEqual(answer);
    expect(observer.entries).toEqual([
      { route: "reconcile", outcome: "tombstone-missing", fault: nameOf(txn("held")) },
      { route: "reconcile", outcome: "read", count: answer.items },
    ]);
    expect(observer.counted("findings")).toBe(1);
    expect(observer.sum("liveBrokerScrip")?.value.toString()).toBe(answer.books.EUR?.liveBrokerScrip);
    expect(observer.sum("owedToMerchants")?.value.toString()).toBe(answer.books.EUR?.owedToMerchants);
  });

  test("the handler goes on from its own answer and begins anew with any other event", async () => {
    const first = await reconcile(reconciliationOf(broker.wiring), undefined, { page: 7, time: 0 });
    const handle = createReconcile(broker.wiring);
    for (const event of [first, {}, undefined, { "detail-type": "Scheduled Event" }])
      expect(await handle(event)).toMatchObject({ done: true, findings: [], items: pristine.length });
  });

  test("does not judge the equation where something was decided since the run began", async () => {
    await change(creditOf("refundedInPart"), { owed: 200_000n });
    const now = broker.runtime.now();
    broker.runtime.set(now - HOUR);
    try {
      expect(await run()).toMatchObject({ findings: [], books: { conserved: false }, judged: false });
    } finally {
      broker.runtime.set(now);
    }
    const later = await run();
    expect([told(later.findings), later.judged]).toEqual([[books], true]);
  });

  test("does not take an imbalance for one that a second run over the table does not find", async () => {
    const { owed } = await itemAt(creditOf("refundedInPart"));
    await change(creditOf("refundedInPart"), { owed: 200_000n });
    const isSecond = (progress: Progress) => progress.imbalance !== undefined;
    const ports = reconciliationOf(broker.wiring);
    let outcome = await reconcile(ports, undefined, { page: 50, time: 0 });
    while (!outcome.done && !isSecond(outcome.progress))
      outcome = await reconcile(ports, outcome.progress, { page: 50, time: 0 });
    expect(outcome.done).toBe(false);
    await change(creditOf("refundedInPart"), { owed });
    while (!outcome.done) outcome = await reconcile(ports, outcome.progress, { page: 50, time: 0 });
    expect(outcome).toMatchObject({ findings: [], books: { conserved: true } });
  });

  test("hands on what it has well before its function is stopped", () => {
    const slack = functions.reconcile.timeoutSeconds * 1000 - reconcileBounds.time;
    expect(slack).toBeGreaterThanOrEqual(120_000);
  });

  test("is given nothing to write with", () => {
    expect(Object.keys(reconciliationOf(broker.wiring).store).sort()).toEqual(["get", "list"]);
  });
});

describe("a table that is written while it is read", () => {
  test.each([
    [1, 23],
    [7, 3],
    [100, 1],
  ])("in pages of %i gives no false alarm", async (page, every) => {
    const busy = await busyTable();
    const { wiring, runtime } = busy.broker;
    const bob = await enrolledPeer(busy.broker, "bob+recallable");
    runtime.advance(HOUR);
    let reads = 0;
    let writes = 0;
    // Money moves before every read: between two pages, and between the items of one.
    const move = async (): Promise<void> => {
      reads += 1;
      if (reads % every !== 0 || writes >= 60) return;
      writes += 1;
      if (writes % 5 === 0) await bob.topUp(euro("0.01"));
      else if (writes % 7 === 0) await settle(busy.shop, await makeSettlement(busy.shop));
      else if (writes % 11 === 0) await busy.broker.finish();
      // What the schedule has minted is in the purse that is topped up.
      else if (writes % 11 === 1) await busy.topUp("0.50");
      else await busy.buy("0.01");
    };
    let turn = Promise.resolve();
    const moneyMoves = (): Promise<void> => {
      turn = turn.then(move);
      return turn;
    };
    const inner = reconciliationOf(wiring);
    const ports: typeof inner = {
      ...inner,
      store: {
        get: async (names) => moneyMoves().then(() => inner.store.get(names)),
        list: async (...args) => moneyMoves().then(() => inner.store.list(...args)),
      },
      scan: { page: async (...args) => moneyMoves().then(() => inner.scan.page(...args)) },
    };
    let outcome = await reconcile(ports, undefined, { page, time: 0 });
    while (!outcome.done)
      outcome = await reconcile(ports, JSON.parse(JSON.stringify(outcome.progress)), { page, time: 0 });
    expect(writes).toBeGreaterThan(20);
    expect(told(outcome.findings)).toEqual([]);
    // And once it is quiet, everything is judged.
    runtime.advance(HOUR);
    const after = await reconcile(inner, undefined);
    expect(after).toMatchObject({ done: true, findings: [], unsettled: 0, books: { conserved: true } });
  });

  test("damage is found all the same", async () => {
    const busy = await busyTable();
    const { wiring, runtime } = busy.broker;
    const damaged = keys.credit(busy.shop.uid, busy.alice.uid, busy.txns.sold ?? "");
    const [item] = await wiring.store.get([damaged]);
    await wiring.store.commit([{ put: { ...item, value: 300_001n }, at: damaged, expect: "present" }]);
    runtime.advance(HOUR);
    const inner = reconciliationOf(wiring);
    let outcome = await reconcile(inner, undefined, { page: 7, time: 0 });
    for (let i = 0; !outcome.done; i += 1) {
      if (i < 30) await busy.buy("0.01");
      outcome = await reconcile(inner, outcome.progress, { page: 7, time: 0 });
    }
    expect(told(outcome.findings)).toEqual([`credit-differs ${nameOf(damaged)}`]);
  });
});
