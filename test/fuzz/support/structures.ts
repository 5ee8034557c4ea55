/** A good value for each codec that the protocol exports, whatever travels in it or beside it. */
import type { Codec } from "@lepta/protocol";
import * as protocol from "@lepta/protocol";
import { encodeAs } from "@lepta/protocol";
import { euro, fixed, network, now, root, txnOf } from "../../vectors/parties.ts";

const scrip = [fixed("body", 20), fixed("certificate")] as const;
const id = txnOf("scrip");
const order = { sku: "a", description: "b", unitPrice: euro("0.01"), quantity: 2 };

/** By the codec's exported name: one value or more. */
const values: Readonly<Record<string, readonly unknown[]>> = {
  purpose: ["enrol", "seal"],
  credentialCodec: [{ enrolment: fixed("a"), sealingKey: fixed("b"), certificate: fixed("c") }],
  brokerKeysCodec: [
    {
      version: 1,
      type: "broker-keys",
      rootKey: root.signing.publicKey,
      certificates: [fixed("certificate"), fixed("another")],
      suite: "default",
      currency: "EUR",
      rail: "sandbox",
      unit: 10_000,
    },
  ],
  errorCodec: [
    { version: 1, type: "error", code: "busy" },
    { version: 1, type: "error", txn: id, code: "malformed" },
  ],
  frameCodec: [
    [7, [fixed("one"), fixed("two")]],
    [0xffffffff, [fixed("one", 1)]],
  ],
  hash32: [fixed("hash")],
  scripCodec: [scrip],
  grantCodec: [{ body: fixed("body", 60), certificate: fixed("certificate"), secretHash: fixed("hash") }],
  spendCodec: [[fixed("spend", 60), fixed("pop")]],
  recordCodec: [[3, fixed("head")]],
  orderCodec: [order],
  brokerSpendCodec: [{ scrip, amount: euro("1.00"), minimumExpiry: now }],
  purchaseSpendCodec: [{ scrip, order, salt: fixed("salt", 16), amount: euro("0.02"), metered: true }],
  returnSpendCodec: [{ scrip, amount: euro("0.02") }],
  placeCodec: [[fixed("session", 16), 5]],
  secretCodec: [
    { scrip: id, secret: fixed("secret") },
    { scrip: id, spentBy: [network, id] },
  ],
  contentCodec: [
    { signed: fixed("signed") },
    {
      signed: fixed("signed"),
      secrets: [
        { scrip: id, secret: fixed("secret") },
        { scrip: id, spentBy: [network, id] },
      ],
      attachments: [fixed("attachment")],
    },
  ],
  sessionHello: [{ credential: fixed("a"), resumes: fixed("s", 32) }],
  laneOpen: [[1, 0, scrip, fixed("pop"), fixed("m4", 64)]],
  laneOpened: [[2, 0, 3, euro("1.00"), fixed("h")]],
  laneBuy: [[3, 0, 1, euro("0.02"), 0, order]],
  laneSold: [[4, 0, 1, 20_000, 980_000, fixed("goods"), "text/plain"]],
  laneRefused: [[5, 0, 1, "insufficient", 980_000]],
  sessionMessage: [[6, 1, fixed("signed")]],
  laneClose: [[7, 0]],
  ping: [[8, 1]],
  pong: [[9, 1]],
  sessionClose: [[10, "closed"]],
  laneResume: [[11, 1, 3, fixed("run"), fixed("pop")]],
  laneJoined: [[12, 1, 3, fixed("opening")]],
  laneFault: [[13, 1, "statement-due"]],
  statementProposal: [[14, 1, fixed("statement"), fixed("m"), fixed("cs")]],
  statementSigned: [[15, 1, fixed("c")]],
  statementsRecorded: [[16, fixed("acknowledgement"), [[network, 0, [fixed("path")]]]]],
  signedStatement: [{ statement: fixed("s"), merchant: fixed("m"), customer: fixed("c") }],
  recordedCodec: [
    { acknowledgement: fixed("a"), certificate: fixed("c"), index: 3, path: [fixed("p"), fixed("q")] },
  ],
  runCodec: [
    {
      before: fixed("h"),
      earlier: [fixed("e")],
      later: [],
      statement: { statement: fixed("s"), merchant: fixed("m"), customer: fixed("c") },
    },
  ],
  receiptCodec: [
    {
      version: 1,
      type: "receipt",
      rootKey: root.signing.publicKey,
      customer: fixed("customer"),
      merchant: fixed("merchant"),
      request: fixed("M1"),
      response: fixed("M2"),
      run: {
        before: fixed("h"),
        earlier: [],
        later: [fixed("l")],
        statement: { statement: fixed("s"), merchant: fixed("m") },
        recorded: { acknowledgement: fixed("a"), certificate: fixed("c"), index: 0, path: [] },
      },
    },
    {
      version: 1,
      type: "receipt",
      rootKey: root.signing.publicKey,
      customer: fixed("customer"),
      merchant: fixed("merchant"),
      request: fixed("M1"),
      response: fixed("M2"),
    },
  ],
  sessionItems: [[fixed("one"), fixed("two")]],
  transactionState: ["open", "done"],
  uid: [network],
  digest: [network],
  txn: [id],
  scripId: [id],
  currency: ["EUR"],
  boolean: [true],
  time: [now],
  amount: [euro("1.00")],
  charge: [{ currency: "EUR", value: 0n }],
  scripBodyCodec: [
    {
      version: 1,
      kind: "vendor",
      network,
      issuer: network,
      owner: network,
      id,
      value: euro("1.00"),
      expiresAt: now,
      parent: id,
    },
  ],
};

/** A codec, the name that it is exported under, and the bytes of its good values. */
export interface Structure {
  readonly name: string;
  readonly codec: Codec<unknown>;
  readonly seeds: readonly Uint8Array[];
}

/** Every exported codec: one without a value here is one that nobody fuzzes. */
export const structures: readonly Structure[] = Object.entries(protocol).flatMap(([name, value]) => {
  if (!isCodec(value)) return [];
  return [{ name, codec: value, seeds: (values[name] ?? []).map((each) => encodeAs(value, each)) }];
});

function isCodec(value: unknown): value is Codec<unknown> {
  return (
    typeof value === "object" && value !== null && "shape" in value && "decode" in value && "encode" in value
  );
}
