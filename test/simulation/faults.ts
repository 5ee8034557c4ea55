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
  /** Found within so many purchases. */
  readonly within: number;
  /** The broker itself notices that something cannot be, and says so before any book differs. */
  readonly isNoticed?: true;
}

const SELL = "peer-sdk/src/merchant/sell-item.ts";
const AUTHORISE_AT_MERCHANT = "peer-sdk/src/merchant/sell-vendorscrip.ts";
const BUY = "peer-sdk/src/customer/buy-item.ts";
const OBTAIN = "peer-sdk/src/customer/obtain-vendorscrip.ts";
const OUTBOX = "peer-sdk/src/outbox.ts";
const WALLET = "peer-sdk/src/wallet.ts";
const AUTHORISE = "lambdas/src/broker/authorise.ts";
const DECISION = "lambdas/src/broker/decision.ts";
const FUND = "lambdas/src/broker/fund.ts";
const FUNDING = "lambdas/src/pipeline/obtain-brokerscrip.ts";
const PIPELINE = "lambdas/src/pipeline/broker.ts";

export const faults: Readonly<Record<string, Fault>> = {
  "change-not-kept-before-m2": {
    file: SELL,
    text: "  if (change !== undefined) {\n    const { salt } = change;",
    instead: "  if (change === null) {\n    const { salt } = change;",
    within: 2000,
  },
  "spent-check-missing-at-merchant": {
    file: SELL,
    text: '  if (scrip.state === "spent") return refuse("scrip-spent");',
    instead: "",
    within: 2000,
  },
  "expiry-check-missing-at-merchant": {
    file: SELL,
    text: '  if (now >= scrip.expiresAt) return refuse("scrip-expired");',
    instead: "",
    within: 8000,
  },
  "price-not-compared": { file: SELL, text: "    sameAmount(amount, price) &&\n", instead: "", within: 4000 },
  "secrets-of-spent-scrip-kept": {
    file: SELL,
    text: "const { salt: _gone, ...spent } = scrip;",
    instead: "const spent = scrip;",
    within: 2000,
  },
  "sale-not-idempotent": {
    file: SELL,
    text: "    if (known !== undefined)\n      return known",
    instead: "    if (known === null)\n      return known",
    within: 2000,
  },
  "sale-without-notice": {
    file: SELL,
    text: "    await notice(shop, request, spend, response, spend.amount),\n",
    instead: "",
    within: 2000,
  },
  "v0-lives-before-m4": {
    file: AUTHORISE_AT_MERCHANT,
    text: '      state: "reserved",',
    instead: '      state: "live",',
    within: 2000,
  },
  "v0-lives-on-a-refusal": {
    file: AUTHORISE_AT_MERCHANT,
    text: "    ok\n      ? shop.tables.scrip.put(",
    instead: "    true\n      ? shop.tables.scrip.put(",
    within: 2000,
  },
  "merchant-forgets-what-was-sent": {
    file: "peer-sdk/src/merchant/merchant.ts",
    text: "    await resumeAuthorizations(shop);",
    instead: "",
    within: 2000,
  },
  "m1-not-kept-before-sending": {
    file: BUY,
    text: "    tables.pending.put(txn, pending),\n    tables.vendorscrip.put(",
    instead: "    tables.vendorscrip.put(",
    within: 2000,
  },
  "change-not-kept-by-wallet": {
    file: BUY,
    text: "    ...(change ? [",
    instead: "    ...(change === null ? [",
    within: 2000,
  },
  "purchase-without-notice": {
    file: BUY,
    text: "    outbox.put(notice.bytes),\n",
    instead: "",
    within: 2000,
  },
  "resume-forgets-purchases": {
    file: BUY,
    text: "  if (pending === undefined) return undefined;",
    instead: "  if (pending !== null) return undefined;",
    within: 2000,
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
    within: 2000,
  },
  "unlocked-without-the-broker": {
    file: OBTAIN,
    text: "  if (asked.change !== undefined) return asked.change;",
    instead: "  if (asked !== null) return asked.change;",
    within: 2000,
  },
  "outbox-cleared-before-acknowledgement": {
    file: OUTBOX,
    text: "      const answer = await this.#send(entries.map(([, notice]) => notice));",
    instead:
      "      await this.#party.store.commit(entries.map(([id]) => this.#entries.remove(id)));\n" +
      "      const answer = await this.#send(entries.map(([, notice]) => notice));",
    within: 2000,
  },
  "resume-forgets-top-ups": {
    file: WALLET,
    text: '      if (kind === "topup") await resumeTopUp(this.#customer, txn).catch(remains);',
    instead: "",
    within: 2000,
  },
  "part-for-another-merchant-taken": {
    file: AUTHORISE,
    text: '  if (part.payload.merchant !== payload.from) return refuse("wrong-recipient");',
    instead: "",
    within: 4000,
  },
  "more-authorised-than-signed-for": {
    file: AUTHORISE,
    text: '  if (!sameAmount(spend.amount, payload.amount)) return refuse("scrip-mismatch");',
    instead: "",
    within: 2000,
  },
  "v0-of-another-owner-authorised": {
    file: AUTHORISE,
    text: "    scrip.owner === asked.customer &&\n",
    instead: "",
    within: 5000,
  },
  "m2-again-decided-again": {
    file: AUTHORISE,
    text: "  if (credit !== undefined) {\n    if (credit.auth",
    instead: "  if (credit === null) {\n    if (credit.auth",
    within: 2000,
  },
  "expiry-check-missing-at-broker": {
    file: AUTHORISE,
    text: '  if (now >= live.expiresAt) return refuse("scrip-expired");',
    instead: "",
    within: 4000,
  },
  "purse-written-unconditionally": {
    file: DECISION,
    text: "{ sequence: purse.sequence, head: purse.head, scrip: purse.scrip }",
    instead: '"present"',
    within: 4000,
  },
  "audit-head-not-conditional": {
    file: DECISION,
    text: "{ sequence: purse.sequence, head: purse.head, scrip: purse.scrip }",
    instead: "{ scrip: purse.scrip }",
    within: 4000,
  },
  "tombstone-missing": {
    file: DECISION,
    text: "  if (change !== undefined && purse.scrip !== undefined)",
    instead: "  if (change === null && purse.scrip !== undefined)",
    within: 2000,
  },
  "minted-without-the-old-scrip": {
    file: FUND,
    text: "live === undefined ? charged : add(charged, live.value)",
    instead: "charged",
    within: 2000,
  },
  "minted-twice": {
    file: FUND,
    text: '  if (transaction.state !== "charged")\n',
    instead: '  if (transaction.state === "charging")\n',
    within: 4000,
  },
  "rail-key-not-of-the-transaction": {
    file: FUNDING,
    text: "idBytes(uid), idBytes(txn)));",
    instead: "idBytes(uid)));",
    within: 2000,
    isNoticed: true,
  },
  "signed-before-commit": {
    file: PIPELINE,
    text: '    if ((await broker.store.commit(decision.writes)) === "committed") return decision.outcome;',
    instead: "    broker.store.commit(decision.writes).catch(() => undefined);\n    return decision.outcome;",
    within: 2000,
  },
  "moved-taken-for-committed": {
    file: PIPELINE,
    text: '(await broker.store.commit(decision.writes)) === "committed"',
    instead: "(await broker.store.commit(decision.writes)) !== undefined",
    within: 3000,
  },
};
