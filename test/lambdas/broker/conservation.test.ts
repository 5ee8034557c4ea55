import { brokerBooks, type Item, type Key, type Write } from "@lepta/lambdas";
import { decideAuthorisation } from "@lepta/lambdas/broker/authorise";
import { chainHead, type Decision, isTerminal } from "@lepta/lambdas/broker/decision";
import { decideCharge, decideFunding, decideMint } from "@lepta/lambdas/broker/fund";
import { genesis } from "@lepta/lambdas/broker/genesis";
import {
  creditItem,
  keys,
  type PurseRecord,
  purseItem,
  tombstoneItem,
  transactionItem,
} from "@lepta/lambdas/broker/items";
import { decideAbort } from "@lepta/lambdas/broker/transaction";
import { memoryStore } from "@lepta/lambdas/memory/store";
import {
  abort,
  amountOf,
  authorizationRequest,
  brokerSpendCodec,
  brokerscripRequest,
  customerSecret,
  encodeAs,
  isRefusal,
  makeScripId,
  mint,
  orThrow,
  proveSpend,
  readScrip,
  type ScripTuple,
  sha256,
  utf8,
  type Verified,
  vendorscripOrder,
} from "@lepta/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { DAY, freshOf, frozen, HOUR, id16, id32, NOW, network, terms, verified } from "./cases.ts";
import { type RailSays, returning, type Sold } from "./returning.ts";

const customers = [id32("c0"), id32("c1")];
const merchants = [id32("m0"), id32("m1")];
const secrets = { epochRoot: sha256(utf8("merchant root")), salt: sha256(utf8("merchant salt")) };

type Step =
  | {
      readonly do: "topUp";
      readonly who: number;
      readonly value: number;
      readonly until: "charging" | "declined" | "charged" | "done";
    }
  | {
      readonly do: "spend";
      readonly who: number;
      readonly at: number;
      readonly value: number;
      readonly scrip: number;
    }
  | { readonly do: "replay"; readonly which: number }
  | { readonly do: "abort"; readonly who: number; readonly which: number }
  | { readonly do: "renew"; readonly who: number; readonly scrip: number }
  | {
      readonly do: "redeem";
      readonly who: number;
      readonly scrip: number;
      readonly value: number;
      readonly says: RailSays;
    }
  | { readonly do: "refund"; readonly which: number; readonly value: number }
  | { readonly do: "reverse"; readonly which: number }
  | { readonly do: "close"; readonly which: number; readonly claimed?: number; readonly proven: number }
  | { readonly do: "settle"; readonly at: number; readonly says: RailSays; readonly days: number }
  | { readonly do: "ask"; readonly which: number; readonly says: RailSays }
  | { readonly do: "wait"; readonly days: number };

const who = fc.nat({ max: 1 });
const value = fc.oneof(fc.constantFrom(1, 1_000, 250_000, 1_000_000), fc.integer({ min: 1, max: 3_000_000 }));
const shownScrip = fc.constantFrom(0, 0, 0, 1, 3);
const says = fc.constantFrom<RailSays>("paid", "declined", "unknown");
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        do: fc.constant("topUp" as const),
        who,
        value,
        until: fc.constantFrom(
          "charging" as const,
          "declined" as const,
          "charged" as const,
          "done" as const,
          "done" as const,
        ),
      }),
    },
    {
      weight: 16,
      arbitrary: fc.record({
        do: fc.constant("spend" as const),
        who,
        at: who,
        value,
        scrip: shownScrip,
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("replay" as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("abort" as const), who, which: fc.nat() }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("renew" as const), who, scrip: shownScrip }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("redeem" as const), who, scrip: shownScrip, value, says }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("refund" as const), which: fc.nat(), value }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("reverse" as const), which: fc.nat() }) },
    {
      weight: 6,
      arbitrary: fc.record(
        {
          do: fc.constant("close" as const),
          which: fc.nat(),
          claimed: fc.nat({ max: 3_000_000 }),
          proven: value,
        },
        { requiredKeys: ["do", "which", "proven"] },
      ),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("settle" as const),
        at: who,
        says,
        days: fc.constantFrom(0, 4),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("ask" as const), which: fc.nat(), says }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant("wait" as const), days: fc.constantFrom(0, 1, 1, 4, 4, 380) }),
    },
  ),
  { minLength: 20, maxLength: 80 },
);

/** A broker of decisions and a table alone: each decision's inputs are frozen, each commit is checked. */
function world() {
  const store = memoryStore();
  const shown = new Map<string, { readonly scrip: ScripTuple; readonly secret: Uint8Array }[]>();
  const sales: {
    readonly request: Verified<typeof authorizationRequest>;
    readonly part: Verified<typeof vendorscripOrder>;
  }[] = [];
  const sold: Sold[] = [];
  let now = NOW;
  let count = 0;
  let moneyIn = 0n;

  const read = async (...wanted: readonly Key[]): Promise<readonly (Item | undefined)[]> =>
    frozen(await store.get(wanted));
  const apply = async <R>(decision: Decision<R>): Promise<R> => {
    if (isRefusal(decision)) throw new Error(`refused as input: ${decision.code}`);
    if (decision.writes.length > 0)
      expect(await store.commit(decision.writes as readonly Write[])).toBe("committed");
    return decision.outcome;
  };
  const purseAt = async (uid: string): Promise<PurseRecord> => {
    const [item] = await read(keys.purse(uid));
    return purseItem.read(item) ?? { sequence: 1, head: genesis(network, uid) };
  };
  const remember = async (uid: string): Promise<void> => {
    const { scrip: id, body, certificate, salt } = await purseAt(uid);
    if (id === undefined || !body || !certificate || !salt) return;
    const epochRoot = terms.epochRoot(1) ?? sha256();
    const secret = customerSecret({ epochRoot, salt }, { owner: uid, id });
    shown.set(uid, [{ scrip: [body, certificate], secret }, ...(shown.get(uid) ?? [])]);
  };
  const begin = async (): Promise<void> => {
    for (const uid of [...customers, ...merchants])
      await store.commit([
        {
          put: purseItem.toItem({ sequence: 1, head: genesis(network, uid) }),
          at: keys.purse(uid),
          expect: "absent",
        },
      ]);
  };

  const topUp = async (uid: string, amount: bigint, until: string): Promise<void> => {
    count += 1;
    const txn = id16(`t${count}`);
    const request = verified(brokerscripRequest, {
      from: uid,
      txn,
      amount: amountOf("EUR", amount),
      issuedAt: now,
      expiresAt: now + HOUR,
    });
    const state = async () => {
      const [item] = await read(keys.transaction(uid, txn));
      return { purse: await purseAt(uid), transaction: transactionItem.read(item) };
    };
    const begun = await apply(decideFunding(request, frozen(await state()), now, terms));
    // It may have been aborted before it came.
    if (until === "charging" || begun.step !== "undecided") return;
    const answer =
      until === "declined"
        ? ({ state: "declined" } as const)
        : ({
            state: "charged",
            account: "a",
            amount: amountOf("EUR", amount),
            reference: "r",
            final: true,
          } as const);
    const { transaction } = await state();
    if (transaction === undefined) throw new Error("not begun");
    await apply(decideCharge(uid, txn, frozen({ purse: await purseAt(uid), transaction }), answer, "a", now));
    if (until === "declined") return;
    moneyIn += amount;
    if (until === "charged") return;
    const charged = (await state()).transaction;
    if (charged === undefined) throw new Error("not charged");
    const purse = await purseAt(uid);
    await apply(
      decideMint(
        uid,
        txn,
        frozen({ purse, transaction: charged, exposure: undefined }),
        true,
        now,
        terms,
        freshOf(`mint ${count}`),
      ),
    );
    await remember(uid);
  };

  const authorise = async (
    request: Verified<typeof authorizationRequest>,
    part: Verified<typeof vendorscripOrder>,
  ) => {
    const { customer, txn, from } = request.payload;
    const id = scripIdOf(part);
    const [credit, transaction, purse, tombstone] = await read(
      keys.credit(from, customer, txn),
      keys.transaction(customer, txn),
      keys.purse(customer),
      keys.tombstone(customer, id),
    );
    const state = frozen({
      credit: creditItem.read(credit),
      transaction: transactionItem.read(transaction),
      purse: purseItem.read(purse),
      tombstone: tombstoneItem.read(tombstone),
    });
    const outcome = await apply(
      decideAuthorisation(request, part, state, now, terms, freshOf(`change ${count}`)),
    );
    await remember(customer);
    return { outcome, state };
  };

  const scripIds = new Map<string, string>();
  const scripIdOf = (part: Verified<typeof vendorscripOrder>): string =>
    scripIds.get(part.digest) ?? id16("none");

  const spend = async (uid: string, merchant: string, amount: bigint, index: number): Promise<void> => {
    const held = shown.get(uid)?.[index];
    if (held === undefined) return;
    count += 1;
    const txn = id16(`t${count}`);
    const money = amountOf("EUR", amount);
    const body = encodeAs(brokerSpendCodec, { scrip: held.scrip, amount: money, minimumExpiry: now });
    const times = { issuedAt: now, expiresAt: now + HOUR };
    const part = verified(vendorscripOrder, {
      from: uid,
      txn,
      merchant,
      spend: proveSpend(held.secret, body),
      ...times,
    });
    scripIds.set(part.digest, orThrow(readScrip(held.scrip[0])).id);
    const id = makeScripId(1, sha256(utf8(`v0 ${count}`)).slice(0, 12));
    const v0 = mint(secrets, {
      kind: "vendor",
      network,
      issuer: merchant,
      owner: uid,
      id,
      value: money,
      expiresAt: now + DAY,
    });
    const request = verified(authorizationRequest, {
      from: merchant,
      txn,
      customer: uid,
      amount: money,
      part: part.digest,
      scrip: v0.grant.body,
      escrow: utf8("escrow"),
      ...times,
    });
    sales.push({ request, part });
    sold.push({ customer: uid, merchant, txn, v0: v0.grant });
    await authorise(request, part);
  };

  const replay = async (which: number): Promise<void> => {
    const sale = sales[which % Math.max(1, sales.length)];
    if (sale === undefined) return;
    const { outcome, state } = await authorise(sale.request, sale.part);
    expect(outcome).toMatchObject({ step: "decided", credit: state.credit });
  };

  const abortOne = async (uid: string, which: number): Promise<void> => {
    const subject = id16(`t${1 + (which % (count + 1))}`);
    const [item] = await read(keys.transaction(uid, subject));
    const state = frozen({
      transaction: transactionItem.read(item),
      credit: undefined,
      purse: await purseAt(uid),
    });
    const request = verified(abort, {
      from: uid,
      initiator: uid,
      subject,
      issuedAt: now,
      expiresAt: now + HOUR,
    });
    await apply(decideAbort(request, state, now));
  };

  const back = returning({
    read,
    list: async (pk, prefix) => (await store.list(pk, { prefix, limit: 100 })).items,
    apply,
    purseAt,
    remember,
    now: () => now,
    newTxn: () => {
      count += 1;
      return id16(`t${count}`);
    },
    fresh: () => freshOf(`return ${count} ${store.items().length} ${now}`),
  });

  const check = (): void => {
    const books = brokerBooks(store.items(), "EUR", now);
    expect(books.conserved).toBe(true);
    expect([books.moneyIn, books.moneyOut]).toEqual([moneyIn, back.moneyOut()]);
    for (const { key, item } of store.items())
      if (key.sk.startsWith("CREDIT#")) {
        const { owed = 0n, value: authorised } = creditItem.fromItem(item);
        expect(owed >= 0n && owed <= authorised).toBe(true);
      }
    for (const uid of [...customers, ...merchants]) checkChain(store.items(), uid);
  };

  const run = async (step: Step): Promise<void> => {
    if (step.do === "topUp") await topUp(customers[step.who] ?? "", BigInt(step.value), step.until);
    else if (step.do === "spend")
      await spend(customers[step.who] ?? "", merchants[step.at] ?? "", BigInt(step.value), step.scrip);
    else if (step.do === "replay") await replay(step.which);
    else if (step.do === "abort") await abortOne(customers[step.who] ?? "", step.which);
    else if (step.do === "wait") now += step.days * DAY;
    else await giveBack(step);
    check();
  };
  const giveBack = async (step: Exclude<Step, { do: "topUp" | "spend" | "replay" | "abort" | "wait" }>) => {
    if (step.do === "renew" || step.do === "redeem") {
      const uid = customers[step.who] ?? "";
      const scrip = shown.get(uid)?.[step.scrip];
      if (scrip === undefined) return;
      if (step.do === "renew") await back.renew(uid, scrip);
      else await back.redeem(uid, scrip, BigInt(step.value), step.says);
    } else if (step.do === "refund" || step.do === "reverse") {
      const sale = sold[step.which % Math.max(1, sold.length)];
      if (sale === undefined) return;
      if (step.do === "refund") await back.refund(sale, BigInt(step.value));
      else await back.reverse(sale);
    } else if (step.do === "close")
      await back.close(
        step.which,
        step.claimed === undefined ? undefined : BigInt(step.claimed),
        BigInt(step.proven),
      );
    else if (step.do === "settle") {
      // Credits are held for three days.
      now += step.days * DAY;
      await back.settle(merchants[step.at] ?? "", step.says);
    } else await back.ask(step.which, step.says);
  };
  /** What came of it all: by the kind and the state of transactions, and of credits. */
  const ends = (): readonly string[] =>
    store
      .items()
      .filter(({ key }) => key.sk.startsWith("TXN#") || key.sk.startsWith("CREDIT#"))
      .map(({ item }) => `${item.kind ?? "credit"} ${item.state}`);
  const held = (): number => store.items().filter(({ item }) => item.heldUntil !== undefined).length;
  return { begin, run, held, ends };
}

/** Every terminal record is linked once, in a row without gaps, and the purse holds the last head. */
function checkChain(items: readonly { readonly key: Key; readonly item: Item }[], uid: string): void {
  const records = items
    .filter(({ key }) => key.pk === `PEER#${uid}` && key.sk.startsWith("TXN#"))
    .map(({ key, item }) => ({ txn: key.sk.slice(4), record: transactionItem.fromItem(item) }))
    .filter(({ record }) => isTerminal(record))
    .sort((a, b) => (a.record.sequence ?? 0) - (b.record.sequence ?? 0));
  let head = genesis(network, uid);
  for (const [i, { txn, record }] of records.entries()) {
    const { sequence, previous, head: linked, ...content } = record;
    expect([sequence, previous]).toEqual([i + 2, head]);
    head = chainHead(head, uid, txn, transactionItem.toItem(content));
    expect(linked).toEqual(head);
  }
  const purse = items.find(({ key }) => key.pk === `PEER#${uid}` && key.sk === "BROKERSCRIP");
  const { sequence, head: last } = purseItem.fromItem(purse?.item ?? {});
  expect([sequence, last]).toEqual([records.length + 1, head]);
}

test("value is conserved and the chains hold after every step of any sequence", async () => {
  let granted = 0;
  const reached = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const { begin, run, held, ends } = world();
      await begin();
      for (const step of sequence) await run(step);
      granted += held();
      for (const end of ends()) reached.set(end, (reached.get(end) ?? 0) + 1);
    }),
    { numRuns: 150, seed: 20_270_101 },
  );
  // The property would hold of a broker that refuses everything.
  expect(granted).toBeGreaterThan(100);
  for (const end of [
    "renewal done",
    "renewal refused",
    "redeem done",
    "redeem refused",
    "redeem paying",
    "refund done",
    "refund refused",
    "reversal done",
    "reversal refused",
    "reversal disputed",
    "settlement done",
    "settlement refused",
    "settlement paying",
    "credit held",
    "credit disputed",
    "credit settled",
    "credit ended",
    "credit refund",
  ])
    expect(reached.get(end) ?? 0, end).toBeGreaterThan(0);
});
