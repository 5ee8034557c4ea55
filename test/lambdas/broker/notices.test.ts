import { keys, type NoticeRecord, noticeItem } from "@lepta/lambdas/broker/items";
import { decideFlag, decideNotice, type Notice, pairOf } from "@lepta/lambdas/broker/notices";
import {
  type Amount,
  amountOf,
  defaultSuite,
  orThrow,
  purchaseNotice,
  readMessage,
  refuse,
  saleNotice,
  sha256,
  signMessage,
  utf8,
  type Verified,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { customer, euro, frozen, HOUR, id16, id32, merchant, NOW, network, terms } from "./cases.ts";

const order = sha256(utf8("order"));
const key = await defaultSuite.signingKey(sha256(utf8("a key")));
const common = { network, to: network, txn: id16("txn"), issuedAt: NOW };
const none = euro("0.00");

/** Notices are read again from their signed bytes, so these are really signed. */
async function bought(
  fields: Partial<{
    merchant: string;
    amount: Amount;
    metered: boolean;
    order: Uint8Array;
    purchase: string;
  }> = {},
): Promise<Verified<typeof purchaseNotice>> {
  const draft = {
    ...common,
    from: customer,
    merchant,
    amount: euro("0.05"),
    metered: false,
    order,
    purchase: id32("M1"),
    ...fields,
  };
  const { bytes } = await signMessage(purchaseNotice, draft, key);
  return frozen({ ...orThrow(readMessage(bytes, [purchaseNotice])), stage: "verified" });
}

async function sold(
  fields: Partial<{ charged: Amount; order: Uint8Array; purchase: string; response: string }> = {},
): Promise<Verified<typeof saleNotice>> {
  const draft = {
    ...common,
    from: merchant,
    customer,
    charged: euro("0.05"),
    order,
    purchase: id32("M1"),
    response: id32("M2"),
    ...fields,
  };
  const { bytes } = await signMessage(saleNotice, draft, key);
  return frozen({ ...orThrow(readMessage(bytes, [saleNotice])), stage: "verified" });
}

/** Records notices one after the other, each on what the one before left. */
function record(...notices: readonly Notice[]) {
  let before: NoticeRecord | undefined;
  const outcomes = notices.map((notice, i) => {
    const { writes, outcome } = orThrow(decideNotice(notice, frozen(before), NOW + i, terms));
    const [write] = writes;
    if (write !== undefined && "put" in write) before = noticeItem.fromItem(write.put);
    return { ...outcome, wrote: writes.length };
  });
  return { outcomes, last: before };
}

describe("notices", () => {
  test("both sides of one purchase meet under one key", async () => {
    const meeting = { customer, merchant, place: `TXN#${common.txn}` };
    expect(pairOf(await bought())).toEqual(meeting);
    expect(pairOf(await sold())).toEqual(meeting);
    const { ahead = [], writes } = orThrow(decideNotice(await bought(), undefined, NOW, terms));
    const due = NOW + terms.noticePatience;
    const waiting = keys.waiting(due, customer, merchant, common.txn);
    expect(writes).toMatchObject([{ at: keys.notice(customer, merchant, meeting.place), expect: "absent" }]);
    // Listed first and by itself: what waits is on the list whenever the broker dies.
    expect(ahead).toEqual([
      { put: { customer, merchant, txn: common.txn, due }, at: waiting, expect: "any" },
    ]);
    // However late the other side comes: it finds what waits under the moment of the first.
    const { last } = record(await bought());
    const second = orThrow(decideNotice(await sold(), last, NOW + HOUR, terms));
    expect([second.ahead, second.behind]).toEqual([
      undefined,
      [{ remove: true, at: waiting, expect: "any" }],
    ]);
  });

  test("what is kept of them may be forgotten when no dispute can come, counted from the last", async () => {
    const { last } = record(await bought(), await sold());
    expect(last?.ttl).toBe(Math.ceil((NOW + 1 + terms.disputeWindow) / 1000));
  });

  test("one side alone is one-sided; with the other, in either order, it is matched", async () => {
    for (const both of [
      [await bought(), await sold()],
      [await sold(), await bought()],
    ]) {
      const { outcomes, last } = record(...both);
      expect(outcomes).toEqual([
        { state: "one-sided", conflict: false, wrote: 1 },
        { state: "matched", conflict: false, wrote: 1 },
      ]);
      expect(last).toMatchObject({ state: "matched", firstAt: NOW, lastAt: NOW + 1 });
    }
  });

  test("the second side is written on condition that the first is as it was read", async () => {
    const [m0, m3] = [await bought(), await sold()];
    const { last } = record(m0);
    const { writes } = orThrow(decideNotice(m3, last, NOW, terms));
    expect(writes[0]?.expect).toEqual({
      state: "one-sided",
      customerDigest: m0.digest,
      merchantDigest: undefined,
    });
  });

  test.each<[string, Parameters<typeof bought>[0], Parameters<typeof sold>[0], "matched" | "differs"]>([
    ["a refused purchase charges nothing", {}, { charged: none }, "matched"],
    ["a metered charge below the maximum", { metered: true }, { charged: euro("0.01") }, "matched"],
    ["a metered charge at the maximum", { metered: true }, {}, "matched"],
    ["a metered charge above the maximum", { metered: true }, { charged: euro("0.050001") }, "differs"],
    ["a charge below the price", {}, { charged: euro("0.04") }, "differs"],
    ["a charge above the price", {}, { charged: euro("0.06") }, "differs"],
    ["another currency", {}, { charged: amountOf("USD", euro("0.05").value) }, "differs"],
    ["nothing charged in another currency", {}, { charged: amountOf("USD", 0n) }, "differs"],
    ["another order", {}, { order: sha256(utf8("another order")) }, "differs"],
    ["another M1", {}, { purchase: id32("another M1") }, "differs"],
  ])("%s", async (_, customerSays, merchantSays, expected) => {
    const [m0, m3] = [await bought(customerSays), await sold(merchantSays)];
    expect(record(m0, m3).last?.state).toBe(expected);
    expect(record(m3, m0).last?.state).toBe(expected);
  });

  test("the same notice again changes nothing", async () => {
    const [m0, m3] = [await bought(), await sold()];
    expect(
      record(m0, m0, m3, m0, m3).outcomes.map(({ state, conflict, wrote }) => [state, conflict, wrote]),
    ).toEqual([
      ["one-sided", false, 1],
      ["one-sided", false, 0],
      ["matched", false, 1],
      ["matched", false, 0],
      ["matched", false, 0],
    ]);
  });

  test("another notice of the same side is a conflict: the pair differs for good and the first is kept", async () => {
    const [m0, m3, other] = [await bought(), await sold(), await bought({ amount: euro("0.06") })];
    const { outcomes, last } = record(m0, other, other, m3);
    expect(outcomes.map(({ state, conflict, wrote }) => [state, conflict, wrote])).toEqual([
      ["one-sided", false, 1],
      ["differs", true, 1],
      ["differs", true, 0],
      ["differs", false, 1],
    ]);
    expect(last).toMatchObject({ state: "differs", customerDigest: m0.digest });
  });

  test("a notice of a purchase from oneself is bad input", async () => {
    expect(decideNotice(await bought({ merchant: customer }), undefined, NOW, terms)).toEqual(
      refuse("same-party"),
    );
  });
});

describe("the sweep", () => {
  const open = { customer, merchant, txn: common.txn, due: NOW + terms.noticePatience };
  const waiting = keys.waiting(open.due, customer, merchant, common.txn);
  const gone = { remove: true, at: waiting, expect: "any" };

  test("flags a notice whose other side has not come in time, once, and not a moment before", async () => {
    const { last } = record(await bought());
    expect(decideFlag(open, last, open.due - 1)).toEqual({ writes: [], outcome: { flagged: false } });
    const { writes, outcome } = orThrow(decideFlag(open, frozen(last), open.due));
    expect(outcome).toEqual({ flagged: true });
    expect(writes).toEqual([
      {
        put: { ...last, flaggedAt: open.due },
        at: keys.notice(customer, merchant, `TXN#${common.txn}`),
        expect: { state: "one-sided" },
      },
      gone,
    ]);
  });

  test("flags nothing where both sides have come, or differ, or nothing is there", async () => {
    const both = record(await bought(), await sold()).last;
    const differing = record(await bought(), await bought({ amount: euro("0.06") })).last;
    for (const before of [both, differing, undefined])
      expect(decideFlag(open, before, open.due)).toEqual({ writes: [gone], outcome: { flagged: false } });
  });

  test("leaves its flag on a notice whose other side comes after all", async () => {
    const { last } = record(await bought());
    const late = { ...last, flaggedAt: NOW } as NoticeRecord;
    const [write] = orThrow(decideNotice(await sold(), frozen(late), NOW + 1, terms)).writes;
    expect(write).toMatchObject({ put: { state: "matched", flaggedAt: NOW } });
  });
});
