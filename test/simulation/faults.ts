/**
 * Seeded faults, with which the simulator itself is tested: each is an exact text of a production file and what stands in
 * its place. The simulator must find every one within the number of purchases that is stated with it.
 */

export interface Fault {
  /** From the repository's root. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly text: string;
  readonly instead: string;
  /** Further texts of the same file, each there once too, and what stands in their places. */
  readonly also?: readonly (readonly [text: string, instead: string])[];
  /** What is to be done more often, so that it shows: names of actions and attacks. */
  readonly favours?: readonly string[];
  /** Found within so many purchases. */
  readonly within: number;
  /** The broker or the merchant itself notices that something cannot be, and says so before any book differs. */
  readonly isNoticed?: true;
}

const SELL = "peer-sdk/src/merchant/sell-item.ts";
const CATALOGUE = "peer-sdk/src/merchant/catalogue.ts";
const SCRIP_TABLE = "peer-sdk/src/merchant/scrip-table.ts";
const AUTHORISE_AT_MERCHANT = "peer-sdk/src/merchant/sell-vendorscrip.ts";
const BUY = "peer-sdk/src/customer/buy-item.ts";
const OBTAIN = "peer-sdk/src/customer/obtain-vendorscrip.ts";
const OUTBOX = "peer-sdk/src/outbox.ts";
const RESUME = "peer-sdk/src/customer/resume.ts";
const AUTHORISE = "lambdas/src/broker/authorise.ts";
const DECISION = "lambdas/src/broker/decision.ts";
const FUND = "lambdas/src/broker/fund.ts";
const REFUND = "lambdas/src/broker/refund.ts";
const REVERSE = "lambdas/src/broker/reverse.ts";
const SETTLE = "lambdas/src/broker/settle.ts";
const RETURN = "lambdas/src/pipeline/return-brokerscrip.ts";
const PIPELINE = "lambdas/src/pipeline/broker.ts";

const LANE_SELL = "peer-sdk/src/merchant/lanes/sell.ts";
const LANE_STATE = "peer-sdk/src/merchant/lanes/state.ts";
const LANE_ANSWERS = "peer-sdk/src/customer/lanes/answers.ts";

export const faults: Readonly<Record<string, Fault>> = {
  "change-not-kept-before-m2": {
    file: SELL,
    text: "  if (change !== undefined) {\n    const { salt } = change;",
    instead: "  if (change === null) {\n    const { salt } = change;",
    within: 6000,
  },
  // The table itself would not spend it again: it has no salt any more.
  "spent-check-missing-at-merchant": {
    file: SELL,
    text: '  if (scrip.state === "spent") return refuse("scrip-spent");',
    instead: "",
    within: 6000,
    isNoticed: true,
  },
  "price-not-compared": {
    file: CATALOGUE,
    text: "    sameAmount(amount, total) &&\n",
    instead: "",
    favours: ["orders for less"],
    within: 6000,
  },
  "secrets-of-spent-scrip-kept": {
    file: SCRIP_TABLE,
    text: 'const spent: ScripRecord = { ...record, state: "spent",',
    instead: 'const spent: ScripRecord = { ...record, ...(salt ? { salt } : {}), state: "spent",',
    within: 6000,
  },
  "spent-scrip-stays-in-memory": {
    file: SCRIP_TABLE,
    text: 'if (standing === "gone") this.#memory.free(place, salt);',
    instead: 'if (standing === "gone") return;',
    favours: ["spends an old copy", "spends VendorScrip twice"],
    within: 6000,
  },
  "sale-not-idempotent": {
    file: SELL,
    text: "    if (known !== undefined)\n      return known",
    instead: "    if (known === null)\n      return known",
    within: 6000,
  },
  "sale-without-notice": {
    file: SELL,
    text: "    await notice(shop, request, spend, response, spend.amount),\n",
    instead: "",
    within: 6000,
  },
  "v0-lives-before-m4": {
    file: AUTHORISE_AT_MERCHANT,
    text: '      state: "reserved",',
    instead: '      state: "live",',
    within: 6000,
  },
  "v0-lives-on-a-refusal": {
    file: AUTHORISE_AT_MERCHANT,
    text: "    ...(ok\n      ? [\n          tables.scrip.put(",
    instead: "    ...(true\n      ? [\n          tables.scrip.put(",
    within: 6000,
  },
  "merchant-forgets-what-was-sent": {
    file: "peer-sdk/src/merchant/merchant.ts",
    text: "    await resumeAuthorizations(shop);",
    instead: "",
    within: 6000,
  },
  "m1-not-kept-before-sending": {
    file: BUY,
    text: "    tables.pending.put(txn, pending),\n    tables.vendorscrip.put(",
    instead: "    tables.vendorscrip.put(",
    within: 6000,
  },
  "change-not-kept-by-wallet": {
    file: BUY,
    text: "    ...(change ? [",
    instead: "    ...(change === null ? [",
    within: 6000,
  },
  "purchase-without-notice": {
    file: BUY,
    text: "    outbox.put(notice.bytes),\n",
    instead: "",
    within: 6000,
  },
  "resume-forgets-purchases": {
    file: BUY,
    text: "  if (pending === undefined) return undefined;",
    instead: "  if (pending !== null) return undefined;",
    within: 6000,
  },
  "purse-not-locked": {
    file: OBTAIN,
    text: "      tables.purse.put(PURSE, { ...held, lockedBy: txn }),\n",
    instead: "",
    within: 12000,
  },
  "part-not-kept-before-sending": {
    file: OBTAIN,
    text: "      tables.pending.put(txn, pending),\n      tables.purse.put(",
    instead: "      tables.purse.put(",
    within: 6000,
  },
  "unlocked-without-the-broker": {
    file: OBTAIN,
    text: "  const change = await endAtBroker(customer.party, txn, brokerscripChange);",
    instead: "  const change = undefined;",
    within: 6000,
  },
  "outbox-cleared-before-acknowledgement": {
    file: OUTBOX,
    text: "    const answer = await sendBatch(\n",
    instead:
      "    await this.#party.store.commit(batch.map(([id]) => this.#entries.remove(id)));\n" +
      "    const answer = await sendBatch(\n",
    within: 6000,
  },
  "resume-forgets-top-ups": {
    file: RESUME,
    text: '  if (kind === "topup") await resumeTopUp(customer, txn);\n  else if (kind === "vendorscrip")',
    instead: '  if (kind === "vendorscrip")',
    within: 6000,
  },
  "part-for-another-merchant-taken": {
    file: AUTHORISE,
    text: '  if (part.payload.merchant !== payload.from) return refuse("wrong-recipient");',
    instead: "",
    within: 6000,
  },
  "more-authorised-than-signed-for": {
    file: AUTHORISE,
    text: '  if (!sameAmount(spend.amount, payload.amount)) return refuse("scrip-mismatch");',
    instead: "",
    within: 6000,
  },
  "v0-of-another-owner-authorised": {
    file: AUTHORISE,
    text: "    scrip.owner === asked.customer &&\n",
    instead: "",
    within: 6000,
  },
  "m2-again-decided-again": {
    file: AUTHORISE,
    text: "  if (credit !== undefined) {\n    if (credit.auth",
    instead: "  if (credit === null) {\n    if (credit.auth",
    within: 6000,
  },
  "expiry-check-missing-at-broker": {
    file: AUTHORISE,
    text: '  if (isOverdue(live, now, terms)) return refuse("scrip-expired");',
    instead: "",
    within: 6000,
  },
  "purse-written-unconditionally": {
    file: DECISION,
    text: "PurseRecord) => ({ sequence, head, scrip });",
    instead: 'PurseRecord) => "present";',
    favours: ["spends its purse twice", "redeems the same twice"],
    within: 6000,
  },
  "audit-head-not-conditional": {
    file: DECISION,
    text: "PurseRecord) => ({ sequence, head, scrip });",
    instead: "PurseRecord) => ({ scrip });",
    favours: ["spends its purse twice", "redeems the same twice"],
    within: 6000,
  },
  "tombstone-missing": {
    file: DECISION,
    text: "  if (change !== undefined && purse.scrip !== undefined)",
    instead: "  if (change === null && purse.scrip !== undefined)",
    within: 6000,
  },
  "minted-without-the-old-scrip": {
    file: DECISION,
    text: "live === undefined ? given : add(given, live.value)",
    instead: "given",
    within: 6000,
  },
  "minted-twice": {
    file: FUND,
    text: '  if (transaction.state !== "charged")\n    return {\n      writes: [],\n      outcome: { step: isTerminal(transaction) ? "decided" : "undecided", record: transaction },\n    };\n  const charged',
    instead: "  const charged",
    favours: ["top up"],
    within: 6000,
  },
  "rail-key-not-of-the-transaction": {
    file: "lambdas/src/pipeline/rail-key.ts",
    text: "idBytes(uid), idBytes(txn)));",
    instead: "idBytes(uid)));",
    within: 500,
  },
  "charging-not-written-before-the-rail": {
    file: FUND,
    text: '    state: "charging",\n    request: digest,',
    instead: '    state: "charged",\n    request: digest,',
    within: 500,
  },
  "redemption-paid-before-it-is-spent": {
    file: RETURN,
    text: "  const begun = await settle(",
    instead:
      "  const [early] = await broker.store.get([keys.credential(uid)]);\n" +
      '  const key = railKey("pay", keySet.network, uid, txn);\n' +
      '  await broker.rail.pay({ key, account: early.account, amount: { currency: "EUR", value: 10000n } });\n' +
      "  const begun = await settle(",
    within: 6000,
  },
  "redemption-not-on-the-schedule": {
    file: "lambdas/src/broker/redeem.ts",
    text: "    openAt(uid, txn, now),\n  ];",
    instead: "  ];",
    within: 6000,
  },
  "declined-redemption-not-minted-again": {
    file: "lambdas/src/broker/redeem.ts",
    text: 'reason: "declined", decidedAt: now }, again.purse);',
    instead: 'reason: "declined", decidedAt: now });',
    within: 6000,
  },
  "refund-not-idempotent": {
    file: REFUND,
    text: "  if (state.outcome !== undefined) {",
    instead: "  if (state.outcome === null) {",
    also: [
      ["  if (transaction !== undefined) return voided(undefined, []);", ""],
      [
        '      expect: "absent",\n    };\n    return { writes: [...writes, put]',
        '      expect: "any",\n    };\n    return { writes: [...writes, put]',
      ],
    ],
    within: 6000,
  },
  "refund-minted-without-the-credit": {
    file: REFUND,
    text: "return { ...minted, writes: [owes, ...due] };",
    instead: "return { ...minted, writes: due };",
    favours: ["refund"],
    within: 6000,
  },
  "refund-order-for-another-amount-taken": {
    file: REFUND,
    text: "  sameAmount(part.amount, payload.amount) &&\n",
    instead: "",
    favours: ["obtain", "another's refund order"],
    within: 6000,
  },
  "refunded-scrip-lives-on": {
    file: "peer-sdk/src/merchant/refund-vendorscrip.ts",
    text: "...tables.scrip.spend(record.scrip, scrip)",
    instead: 'tables.scrip.put(record.scrip, { ...scrip, state: "live" })',
    favours: ["refund"],
    within: 6000,
  },
  "refunded-scrip-stays-in-the-wallet": {
    file: "peer-sdk/src/customer/refund.ts",
    text: "    tables.vendorscrip.remove(id),\n",
    instead: "",
    favours: ["refund"],
    within: 6000,
  },
  "claims-believed-without-evidence": {
    file: REVERSE,
    text: "  const proven = evidence && provenBy(merchant, customer, credit, evidence);",
    instead: "  const proven = evidence === null ? undefined : claimed.value;",
    favours: ["obtain", "reclaim", "a merchant claims what it did not sell"],
    within: 6000,
  },
  "evidence-never-counts": {
    file: REVERSE,
    text: "  if (!isOfThis || isRefusal(rest)) return undefined;",
    instead: "  if (isOfThis || isRefusal(rest)) return undefined;",
    within: 6000,
  },
  "evidence-believed-beyond-the-credit": {
    file: REVERSE,
    text: "    scrip.value.value <= credit.value &&\n",
    instead: "",
    favours: ["obtain", "evidence under a scrip of their own making"],
    within: 6000,
  },
  "reversed-line-goes-on-selling": {
    file: "peer-sdk/src/merchant/answer-reversals.ts",
    text: "    ...scrip.flatMap(([each, record]) => {",
    instead: "    ...[].flatMap(([each, record]) => {",
    within: 6000,
  },
  "reversed-scrip-stays-in-the-wallet": {
    file: "peer-sdk/src/customer/reverse.ts",
    text: "    ...line.map(([id]) => tables.vendorscrip.remove(id)),\n",
    instead: "",
    within: 6000,
  },
  "settlement-takes-credits-twice": {
    file: SETTLE,
    text: 'put: creditItem.toItem({ ...credit, state: "settled", settlement: txn }),',
    instead: "put: creditItem.toItem(credit),",
    within: 6000,
  },
  "hold-time-ignored": {
    file: "lambdas/src/pipeline/settle-merchant.ts",
    text: "    .filter(({ key }) => key.sk < DUE + behind(now))\n",
    instead: "",
    within: 6000,
  },
  "dust-dropped": {
    file: SETTLE,
    text: "return ended(done, before + (transaction.carried ?? 0n), []);",
    instead: "return ended(done, before, []);",
    within: 6000,
  },
  "renewal-leaves-the-old-scrip": {
    file: "peer-sdk/src/merchant/renew-vendorscrip.ts",
    text: "    ...tables.scrip.spend(shown.id, scrip, txn),\n",
    instead: "",
    within: 6000,
  },
  "purchase-given-back-twice": {
    file: "peer-sdk/src/merchant/refund-sale.ts",
    text: "    if (sale.refunded !== undefined) return;\n",
    instead: "",
    favours: ["a merchant gives a purchase back"],
    within: 6000,
  },
  "restore-takes-v0-that-was-spent": {
    file: "peer-sdk/src/customer/restore.ts",
    text: "  if (isShown || isOnLane) return true;\n",
    instead: "",
    also: [["  if (signed !== undefined) {\n", "  if (signed !== undefined && signed === undefined) {\n"]],
    favours: ["restore"],
    within: 6000,
  },
  "signed-before-commit": {
    file: PIPELINE,
    text: '    if ((await broker.store.commit(decision.writes)) === "committed") {',
    instead: "    broker.store.commit(decision.writes).catch(() => undefined);\n    {",
    within: 6000,
  },
  "moved-taken-for-committed": {
    file: PIPELINE,
    text: '(await broker.store.commit(decision.writes)) === "committed"',
    instead: "(await broker.store.commit(decision.writes)) !== undefined",
    within: 6000,
  },
  "lane-sequence-not-checked": {
    file: LANE_SELL,
    text: '  if (heads.sequence !== lane.sequence + 1) return stop(visit, lane, "wrong-reference");\n',
    instead: "",
    favours: ["repeats and skips on a lane"],
    within: 8000,
  },
  "lane-proof-not-checked": {
    file: "peer-sdk/src/merchant/lanes/resume.ts",
    text: "  if (!equalBytes(proveResumption(lane.secret, lane.origin, visit.session.opening), pop)) {\n",
    instead: "  if (pop.length === 0) {\n",
    favours: ["takes up a lane without its secret"],
    within: 6000,
  },
  "lane-bound-not-kept-by-merchant": {
    file: "peer-sdk/src/merchant/lanes/book.ts",
    text: "      value + making.value + price <= Number(limits.unstatedAmount)\n",
    instead: "      value + making.value + price > 0\n",
    favours: ["never signs"],
    within: 6000,
  },
  "lane-purchases-forgotten-by-wallet": {
    file: "peer-sdk/src/customer/lanes/book.ts",
    text: "    lane.flight.push(sent);\n    lane.sequence += 1;\n    lane.remaining -= units;",
    instead: "    lane.remaining -= units;",
    favours: ["buy a burst"],
    within: 6000,
  },
  "lane-lives-on-after-its-change-is-given": {
    file: LANE_STATE,
    text: "    closes ? lanes.tables.lanes.remove(lane.id) : lanes.tables.lanes.put(lane.id, record),\n",
    instead: "    lanes.tables.lanes.put(lane.id, record),\n",
    within: 6000,
  },
  "lane-bound-not-kept-by-customer": {
    file: "peer-sdk/src/customer/lanes/book.ts",
    text: "  lane.pair.value + order.units <= Number(limits.unstatedAmount);",
    instead: "  lane.pair.value + order.units > 0;",
    favours: ["buy a burst of a liar"],
    within: 6000,
  },
  "metered-charge-beyond-the-order-taken": {
    file: LANE_ANSWERS,
    text: "    charged <= price &&\n",
    instead: "",
    favours: ["buy metered of a liar"],
    within: 6000,
  },
  "part-of-a-unit-taken": {
    file: LANE_ANSWERS,
    text: "    charged % Number(unitPrice.value) === 0 &&\n",
    instead: "",
    favours: ["buy metered of a liar"],
    within: 6000,
  },
  "more-units-than-the-piece-sold": {
    file: CATALOGUE,
    text: "    order.quantity <= (meter?.piece ?? limits.quantity) &&\n",
    instead: "",
    favours: ["orders more units than the piece"],
    within: 6000,
  },
  "metered-order-charged-whole": {
    file: LANE_SELL,
    text: "  return units * Number(listed.price.value);\n",
    instead: "  return price;\n",
    favours: ["buy metered"],
    within: 6000,
  },
  "lane-answer-not-compared": {
    file: LANE_ANSWERS,
    text: "  return readSold(item, expected, lastType.bytes);\n",
    instead: "  return readSold(item, expected, lastType.bytes) ?? sold[5];\n",
    favours: ["buy a burst of a liar"],
    within: 6000,
  },
};
