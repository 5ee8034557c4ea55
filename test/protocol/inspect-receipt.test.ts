import { encodeReceipt, limits, type Receipt, verifyReceipt } from "@lepta/protocol";
import { inspect } from "@lepta/protocol/inspect";
import { describe, expect, test } from "vitest";
import { receiptSteps } from "../../protocol/src/receipt/steps.ts";
import { customer, euro, fixed, merchant, network, now, stranger } from "../vectors/parties.ts";
import { allFields, named } from "./inspections.ts";
import { credentialOf, laneRun, order, type Parts, recordedAs, signedPurchase } from "./receipts.ts";

const at = { network, now };
const story = await laneRun();
const onLane = story.receiptOf(3);
const recorded = {
  ...onLane,
  run: { ...onLane.run, recorded: await recordedAs(story.payload, merchant, 3) },
};
const signed = await signedPurchase();

const look = (parts: Parts, context = at) => inspect(encodeReceipt(parts), context);

describe("an inspection of a receipt", () => {
  test("has a check for each step of its verification, in their order, and all hold", async () => {
    const inspection = await look(recorded);
    expect(inspection.kind).toBe("receipt");
    expect(named(inspection, "good")).toEqual([
      ...[
        "Encoding",
        "File",
        "Root key",
        "M1 and M2",
        "Place on the lane",
        "Amounts",
        "Place in the chain",
        "Date",
      ],
      ...["Customer's credential", "Merchant's credential", "Parties"],
      ...["Merchant's signature", "Customer's signature"],
      ...[
        "Broker's acknowledgement",
        "Acknowledging key",
        "Broker's signature",
        "Place in the broker's tree",
      ],
    ]);
    expect(inspection.checks.every(({ state }) => state === "good")).toBe(true);
    expect(named(await look(signed), "good")).toEqual([
      ...["Encoding", "File", "Root key", "M1 and M2", "Reference", "Amounts", "Scrip", "Date"],
      ...["Customer's credential", "Merchant's credential", "Parties"],
      ...["Customer's signature", "Merchant's signature"],
    ]);
  });

  test("shows order, amounts and goods", async () => {
    for (const parts of [recorded, signed]) {
      const fields = allFields((await look(parts)).fields).map(({ name, value }) => `${name}: ${value}`);
      expect(fields).toEqual(
        expect.arrayContaining([`Article: ${order.sku}`, "Unit price: EUR 0.02", "Goods: Small change."]),
      );
    }
  });

  const faults: readonly [string, string, () => unknown][] = [
    ["one side has not signed", "Customer's signature", () => without("customer")],
    ["the other side has not signed", "Merchant's signature", () => without("merchant")],
    ["the answer is another's", "Place on the lane", () => ({ response: story.receiptOf(1).response })],
    ["an element is missing", "Place on the lane", () => ({ run: { ...onLane.run, earlier: [] } })],
    [
      "an element of the run is another",
      "Place in the chain",
      () => ({ run: { ...onLane.run, earlier: onLane.run.earlier.with(1, fixed("another")) } }),
    ],
    ["the customer's credential is the merchant's", "Parties", () => ({ customer: onLane.merchant })],
    ["M1 is no M1", "M1 and M2", () => ({ request: fixed("no M1") })],
    [
      "it was recorded at another place",
      "Place in the broker's tree",
      () => ({ run: { ...recorded.run, recorded: { ...recorded.run.recorded, index: 2 } } }),
    ],
  ];
  test.each(faults)("is red where %s, at the step: %s", async (_, row, change) => {
    const inspection = await look({ ...onLane, ...(change() as Partial<Receipt>) });
    expect(named(inspection, "bad")).toContain(row);
  });

  test("is red where amounts or credentials do not hold, each at its step", async () => {
    const more = await laneRun({ change: { total: euro("0.01") } });
    expect(named(await look(more.receiptOf(3)), "bad")).toEqual(["Amounts"]);
    const theirs = await look({ ...signed, customer: await credentialOf(customer, { notAfter: now }) });
    expect(named(theirs, "bad")).toEqual(["Customer's credential"]);
    expect(named(theirs, "unknown")).toEqual(["Parties", "Customer's signature", "Merchant's signature"]);
  });

  test("of another network is red at the root key, and what rests on it is not known", async () => {
    const inspection = await look(recorded, { ...at, network: stranger.uid });
    expect(named(inspection, "bad")).toEqual(["Root key"]);
    expect(named(inspection, "unknown")).toContain("Customer's credential");
  });

  test("without network or clock says so, and is not green there", async () => {
    const inspection = await inspect(encodeReceipt(recorded));
    expect(named(inspection, "unknown")).toEqual([...["Root key", "Date", "Broker's acknowledgement"]]);
    expect(named(inspection, "bad")).toEqual([]);
    const early = await look(signed, { ...at, now: now - limits.clockSkew - 1 });
    expect(named(early, "bad")).toEqual(["Date"]);
  });

  // Every bit of a receipt is flipped where its verification is tested, which takes the same steps.
  test("with a bit altered anywhere is red", async () => {
    for (const parts of [recorded, signed]) {
      const bytes = encodeReceipt(parts);
      for (let i = 0; i < bytes.length; i += 13) {
        const altered = bytes.slice();
        altered[i] = (altered[i] ?? 0) ^ (1 << (i % 8));
        const inspection = await inspect(altered, at);
        expect(named(inspection, "bad").length, `byte ${i} of ${bytes.length}`).toBeGreaterThan(0);
      }
    }
  });
});

test("verification tells the first of its steps that fails", async () => {
  const wrong = { ...recorded, ...without("merchant"), request: story.receiptOf(1).request };
  const bytes = encodeReceipt(wrong);
  const outcomes = await Promise.all(receiptSteps(bytes, network).steps.map((step) => step.outcome()));
  const first = outcomes.find(({ state }) => state === "fails");
  expect(await verifyReceipt(bytes, network)).toEqual(first?.state === "fails" ? first.refusal : undefined);
  expect(outcomes.filter(({ state }) => state === "fails").length).toBeGreaterThan(1);
});

function without(side: "merchant" | "customer"): Pick<Parts, "run"> {
  const { [side]: _, ...rest } = story.signed;
  return { run: { ...onLane.run, statement: rest } };
}
