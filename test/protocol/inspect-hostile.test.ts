import {
  acknowledgement,
  type Cbor,
  contentCodec,
  encodeAs,
  encodeCbor,
  frameCodec,
  limits,
  noticeBatch,
  offerRequest,
  purchaseResponse,
  sealMessage,
  sessionMessage,
  signMessage,
  statementProposal,
  Tagged,
  toText,
} from "@lepta/protocol";
import { type InspectContext, type Inspection, inspect } from "@lepta/protocol/inspect";
import { describe, expect, test } from "vitest";
import {
  customer,
  euro,
  fixed,
  merchant,
  network,
  now,
  plain,
  repeatable,
  request,
  txnOf,
} from "../vectors/parties.ts";
import { allFields, everything, named, openingKeys } from "./inspections.ts";
import { laneRun, signedPurchase } from "./receipts.ts";

const secret = fixed("a CustomerSecret");
const { request: m1 } = await signedPurchase();
const beside = { secrets: [{ scrip: txnOf("scrip"), secret }] };

/** Whether bytes stand anywhere in an inspection, in any notation of ours. */
function tells(inspection: Inspection, bytes: Uint8Array): boolean {
  const text = JSON.stringify(inspection);
  const hex = Buffer.from(bytes).toString("hex");
  // Half of a secret is too much of one.
  return [toText(bytes).slice(0, 16), hex.slice(0, 24), hex.slice(-24)].some((part) => text.includes(part));
}

describe("a secret is said to be there and never shown", () => {
  test("beside a message in a seal", async () => {
    const signed = await signMessage(
      offerRequest,
      request(customer.uid, merchant.uid, "offer"),
      customer.signing,
    );
    const sealed = await sealMessage(signed, merchant.sealing, repeatable("s"), beside);
    const inspection = await inspect(sealed, everything);
    expect(allFields(inspection.fields).map(({ value }) => value)).toContain("secret, 32 bytes, not shown");
    expect(tells(inspection, secret)).toBe(false);
  });

  test("in what a session carries: a message's content, and a proposed statement", async () => {
    const content = encodeAs(contentCodec, { signed: m1, ...beside });
    const { payload, signed } = await laneRun();
    const items = [
      content,
      encodeAs(sessionMessage, [6, 1, content]),
      encodeAs(statementProposal, [14, 3, payload, signed.merchant ?? payload, secret]),
    ];
    for (const item of items) {
      const inspection = await inspect(item, everything);
      expect(allFields(inspection.fields).map(({ value }) => value)).toContain("secret, 32 bytes, not shown");
      expect(tells(inspection, secret)).toBe(false);
    }
  });

  test("in what is nothing of ours: a private key, a broken content, the bytes themselves", async () => {
    const key = new Map<number, Cbor>([
      [1, 2],
      [-1, 1],
      [-2, fixed("x")],
      [-3, fixed("y")],
      [-4, secret],
    ]);
    const broken = new Map<number, Cbor>([
      [1, m1],
      [2, [new Map<number, Cbor>([[2, secret]])]],
    ]);
    const signed = new Tagged(18, [secret, new Map(), secret, secret]);
    for (const item of [key, broken, secret, signed, [secret, [secret]], new Tagged(96, [secret])])
      expect(tells(await inspect(encodeCbor(item), everything), secret)).toBe(false);
    for (const raw of [secret, customer.signingBytes, customer.openingBytes])
      expect(tells(await inspect(raw), raw)).toBe(false);
  });

  test("of the context nothing is shown", async () => {
    const inspection = await inspect(m1, { ...everything, openingKeys });
    expect(tells(inspection, customer.openingBytes)).toBe(false);
  });
});

describe("a hostile text", () => {
  const trick = "a\u001b[2Jb\u0007\u202ec\u2028d\u0000e\u200b\u009b";
  const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

  test("cannot move a terminal's cursor or turn its text, wherever it stands", async () => {
    const signed = await signMessage(
      purchaseResponse,
      {
        ...plain(merchant.uid, customer.uid, "buy"),
        request: txnDigest,
        ok: true,
        decidedAt: now,
        charged: euro("0.02"),
        goods: Buffer.from(trick),
        goodsType: `text/${trick}`,
      },
      merchant.signing,
    );
    const inputs = [
      signed.bytes,
      encodeCbor(trick),
      encodeCbor([trick, new Map([[1, trick]])]),
      encodeCbor(new Map<number, Cbor>([[3, trick]])),
      encodeCbor(new Tagged(18, [encodeCbor(headWith(trick)), new Map(), fixed("p"), fixed("s")])),
    ];
    for (const bytes of inputs) {
      const { title, fields, checks } = await inspect(bytes, everything);
      const texts = [
        title,
        ...allFields(fields).flatMap(({ name, value, note = "" }) => [name, value, note]),
        ...checks.flatMap(({ name, reason }) => [name, reason]),
      ];
      expect(texts.filter((text) => UNSEEN.test(text))).toEqual([]);
      expect(texts.join(" ")).toContain("\\u{1b}");
    }
  });

  test("is cut where it is long", async () => {
    const long = "x".repeat(100_000);
    const inspection = await inspect(encodeCbor([long]));
    expect(JSON.stringify(inspection).length).toBeLessThan(limits.inspectedText + 1000);
  });
});

const txnDigest = toText(fixed("request"));
const headWith = (contentType: string): Map<number, Cbor> =>
  new Map<number, Cbor>([
    [1, -7],
    [3, contentType],
    [4, fixed("kid")],
  ]);

describe("an inspection is bounded", () => {
  test("of what is longer than anything of ours nothing is read", async () => {
    const inspection = await inspect(new Uint8Array(limits.receiptBytes + 1));
    expect(inspection).toMatchObject({
      kind: "unknown",
      fields: [],
      checks: [{ name: "Size", state: "bad" }],
    });
  });

  test("of many small items only the first are shown", async () => {
    const inspection = await inspect(encodeCbor(Array.from({ length: 500_000 }, () => 1)));
    expect(allFields(inspection.fields).length).toBeLessThanOrEqual(limits.inspectedFields + 10);
  });

  test("of many messages some are not looked at, and that is not green", async () => {
    const entry = (await laneRun()).signed;
    const batch = await signMessage(
      noticeBatch,
      {
        ...plain(merchant.uid, network, "batch"),
        entries: Array.from({ length: limits.batchEntries }, () => encodeCbor(statementMap(entry))),
      },
      merchant.signing,
    );
    const inspection = await inspect(batch.bytes, everything);
    expect(allFields(inspection.fields).length).toBeLessThanOrEqual(limits.inspectedFields + 2000);
    expect(inspection.checks.length).toBeLessThanOrEqual(limits.inspectedChecks + 1);
    expect(named(inspection, "unknown")).toContain("Further checks");
    const verified = named(inspection, "good").filter((name) => name.endsWith("signature"));
    expect(verified.length).toBeGreaterThan(limits.inspectedSignatures / 2);
    expect(verified.length).toBeLessThanOrEqual(limits.inspectedSignatures);
  });

  test("of frames in frames in frames the innermost are not opened", async () => {
    let bytes = encodeAs(frameCodec, [1, [m1]]);
    for (let i = 0; i < 20; i += 1) bytes = encodeAs(frameCodec, [1, [bytes]]);
    const inspection = await inspect(bytes, everything);
    expect(named(inspection, "unknown")).toContainEqual(expect.stringMatching(/: Content$/));
  });
});

const statementMap = ({
  statement,
  merchant: byMerchant,
  customer: byCustomer,
}: Awaited<ReturnType<typeof laneRun>>["signed"]): Cbor =>
  new Map<number, Cbor>([
    [1, statement],
    [2, byMerchant ?? null],
    [3, byCustomer ?? null],
  ]);

test("what stands where something else belongs is red", async () => {
  const parts: InspectContext = everything;
  const entry = await signMessage(
    acknowledgement,
    {
      ...plain(network, merchant.uid, "ack"),
      request: txnDigest,
      decidedAt: now,
      count: 1,
      tree: fixed("tree"),
      refused: [],
    },
    merchant.signing,
  );
  const batch = await signMessage(
    noticeBatch,
    { ...plain(merchant.uid, network, "batch"), entries: [entry.bytes] },
    merchant.signing,
  );
  expect(named(await inspect(batch.bytes, parts), "bad")).toContain("Entries 1: Content");
});

test("bytes that are no message, or not in their only encoding, are unknown and red", async () => {
  for (const hex of ["", "ff", "1800", "5f", "a10101ff", "c249010000000000000000", "fb7ff0000000000000"]) {
    const inspection = await inspect(Uint8Array.from(Buffer.from(hex, "hex")), everything);
    expect(named(inspection, "bad").length, hex).toBeGreaterThan(0);
    expect(["unknown", "CBOR"]).toContain(inspection.kind);
  }
});
