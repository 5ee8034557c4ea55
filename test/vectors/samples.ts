/** One good message of each type, all out of one story: C funds its wallet, pays M, and the money finds its way back. */
import * as lepta from "@lepta/protocol";
import {
  ANYBODY,
  type Awaitable,
  type Beside,
  type Draft,
  encodeAs,
  type MessageType,
  makeScripId,
  mint,
  type Order,
  orderHash,
  originOf,
  proveSpend,
  scripOf,
  sha256,
  toText,
  treeHash,
  utf8,
} from "@lepta/protocol";
import {
  acknowledgeKey,
  certificateDraft,
  customer,
  DAY,
  decideKey,
  enrolKey,
  enrolmentDraft,
  euro,
  fixed,
  merchant,
  network,
  now,
  type Party,
  plain,
  request,
  root,
  sealingKeyDraft,
  sealKey,
  txnOf,
} from "./parties.ts";
import type { Example } from "./vector.ts";

/** The good message of a type that stands before in the list. */
export type Made = (type: MessageType) => Example;

export interface Sample {
  readonly type: MessageType;
  readonly signer: Party;
  /** To whom it is sealed; undefined where the message is never sealed by itself. */
  readonly recipient: Party | undefined;
  readonly draft: (made: Made) => Awaitable<Draft<MessageType>>;
  readonly beside: (made: Made) => Beside;
  /** Who signs the same payload a second time. */
  readonly counterSigner?: Party;
}

function sample<M extends MessageType>(
  type: M,
  [signer, recipient]: readonly [Party, Party?],
  draft: (made: Made) => Awaitable<Draft<M>>,
  more: { readonly beside?: (made: Made) => Beside; readonly counterSigner?: Party } = {},
): Sample {
  const erased = draft as unknown as Sample["draft"];
  return { type, signer, recipient, draft: erased, beside: () => ({}), ...more };
}

const C = customer.uid;
const M = merchant.uid;
const B = network;

const hash = (label: string): Uint8Array => fixed(`hash ${label}`);
const session = fixed("session", 16);

const scrip = (
  kind: "broker" | "vendor",
  label: string,
  value: string,
  parent?: { readonly body: Pick<lepta.ScripBody, "id" | "origin"> },
) =>
  mint(
    { epochRoot: fixed(`epoch root of the ${kind}`), salt: fixed(`salt of ${label}`) },
    {
      kind,
      network,
      issuer: kind === "broker" ? network : M,
      owner: C,
      id: makeScripId(7, fixed(`id of ${label}`, 12)),
      value: euro(value),
      expiresAt: now + 365 * DAY,
      ...(parent ? { parent: parent.body.id } : {}),
      ...(parent && kind === "vendor" ? { origin: originOf(parent.body) } : {}),
    },
  );

const br0 = scrip("broker", "Br0", "5.00");
const br1 = scrip("broker", "Br1", "4.00", br0);
const br2 = scrip("broker", "Br2", "4.98", br1);
const v0 = scrip("vendor", "V0", "1.00");
const v1 = scrip("vendor", "V1", "0.98", v0);
const v2 = scrip("vendor", "V2", "0.90", v0);
const v3 = scrip("vendor", "V3", "0.98", v1);

const secretOf = (of: lepta.Minted) => ({ secrets: [{ scrip: of.body.id, secret: of.customerSecret }] });

const order: Order = {
  sku: "article/42",
  description: "The price of small things · Ἡ τιμή",
  unitPrice: euro("0.02"),
  quantity: 1,
};
const orderSalt = fixed("order salt", 16);

const done = (made: Made, type: MessageType) => ({
  request: made(type).digest,
  ok: true,
  decidedAt: now - 1000,
});

const sealedDigest = (made: Made, type: MessageType): string => toText(sha256(made(type).bytes));

/** What comes earlier is embedded in or named by what comes later; every entry of `messages` once. */
export const samples: readonly Sample[] = [
  sample(lepta.keyCertificate, [root], () => certificateDraft("enrol", enrolKey.signing.publicKey)),
  sample(lepta.keyRevocation, [root], () => ({
    ...plain(B, B, "revocation"),
    key: enrolKey.uid,
    revokedFrom: now + 60_000,
  })),
  sample(lepta.sealingKeyStatement, [customer], () => sealingKeyDraft(customer)),
  sample(lepta.enrolment, [enrolKey], () => enrolmentDraft(customer)),
  sample(lepta.enrolRequest, [customer, sealKey], async (made) => ({
    ...request(C, B, "enrol"),
    account: "sandbox:alice",
    mandate: "mandate 1",
    publicKey: customer.signing.publicKey,
    sealingKey: made(lepta.sealingKeyStatement).signed,
    possession: await customer.opening.provePossession(
      sealKey.sealing,
      lepta.possessionContext(made(lepta.sealingKeyStatement).digest, txnOf("enrol")),
    ),
  })),
  sample(lepta.enrolResponse, [enrolKey, customer], (made) => ({
    ...plain(B, C, "enrol"),
    ...done(made, lepta.enrolRequest),
    record: [1, hash("record 1")] as const,
    enrolment: made(lepta.enrolment).signed,
  })),
  sample(lepta.hello, [customer], (made) => ({
    ...request(C, ANYBODY, "hello"),
    credential: lepta.encodeCredential({
      enrolment: made(lepta.enrolment).signed,
      sealingKey: made(lepta.sealingKeyStatement).signed,
      certificate: made(lepta.keyCertificate).signed,
    }),
  })),
  sample(lepta.offerRequest, [customer, merchant], () => ({
    ...request(C, M, "offer"),
    sku: order.sku,
  })),
  sample(lepta.offer, [merchant, customer], (made) => ({
    ...plain(M, C, "offer"),
    request: made(lepta.offerRequest).digest,
    items: [
      { sku: order.sku, description: order.description, unitPrice: order.unitPrice },
      { sku: "tokens", description: "", unitPrice: euro("0.000001"), unit: "token" },
    ],
    validUntil: now + DAY,
    scripLife: 30 * DAY,
    statementBelow: euro("0.10"),
    more: false,
  })),
  sample(lepta.brokerscripRequest, [customer, sealKey], () => ({
    ...request(C, B, "fund"),
    amount: euro("5.00"),
  })),
  sample(
    lepta.brokerscripResponse,
    [decideKey, customer],
    (made) => ({
      ...plain(B, C, "fund"),
      ...done(made, lepta.brokerscripRequest),
      record: [2, hash("record 2")] as const,
      grant: br0.grant,
      amount: euro("5.00"),
      reference: "rail/0001",
    }),
    { beside: () => secretOf(br0) },
  ),
  sample(lepta.vendorscripIntent, [customer, sealKey], () => ({
    ...request(C, B, "vendor"),
    merchant: M,
    amount: euro("1.00"),
  })),
  sample(lepta.vendorscripOrder, [customer, sealKey], () => ({
    ...request(C, B, "vendor"),
    merchant: M,
    spend: proveSpend(
      br0.customerSecret,
      encodeAs(lepta.brokerSpendCodec, {
        scrip: scripOf(br0.grant),
        amount: euro("1.00"),
        minimumExpiry: now + 7 * DAY,
      }),
    ),
  })),
  sample(
    lepta.vendorscripRequest,
    [customer, merchant],
    (made) => ({
      ...request(C, M, "vendor"),
      amount: euro("1.00"),
      minimumExpiry: now + 7 * DAY,
      part: sealedDigest(made, lepta.vendorscripOrder),
    }),
    { beside: (made) => ({ attachments: [made(lepta.vendorscripOrder).bytes] }) },
  ),
  sample(
    lepta.vendorscripResponse,
    [merchant, customer],
    (made) => ({
      ...plain(M, C, "vendor"),
      ...done(made, lepta.vendorscripRequest),
      grant: v0.grant,
    }),
    { beside: () => secretOf(v0) },
  ),
  sample(
    lepta.authorizationRequest,
    [merchant, sealKey],
    (made) => ({
      ...request(M, B, "vendor"),
      customer: C,
      amount: euro("1.00"),
      part: sealedDigest(made, lepta.vendorscripOrder),
      scrip: v0.grant.body,
      escrow: made(lepta.vendorscripResponse).bytes,
    }),
    { beside: (made) => ({ attachments: [made(lepta.vendorscripOrder).bytes] }) },
  ),
  sample(lepta.authorizationResponse, [decideKey, merchant], (made) => ({
    ...plain(B, M, "vendor"),
    ...done(made, lepta.authorizationRequest),
    customer: C,
    amount: euro("1.00"),
  })),
  sample(
    lepta.brokerscripChange,
    [decideKey, customer],
    (made) => ({
      ...plain(B, C, "vendor"),
      ...done(made, lepta.vendorscripOrder),
      record: [3, hash("record 3")] as const,
      grant: br1.grant,
      spent: br0.body.id,
      amount: euro("1.00"),
      merchant: M,
      authorization: made(lepta.authorizationResponse).signed,
      escrow: made(lepta.vendorscripResponse).bytes,
    }),
    { beside: () => secretOf(br1) },
  ),
  sample(lepta.purchaseRequest, [customer, merchant], () => ({
    ...request(C, M, "buy"),
    spend: proveSpend(
      v0.customerSecret,
      encodeAs(lepta.purchaseSpendCodec, {
        scrip: scripOf(v0.grant),
        order,
        salt: orderSalt,
        amount: euro("0.02"),
        metered: false,
      }),
    ),
  })),
  sample(lepta.purchaseNotice, [customer], (made) => ({
    ...plain(C, B, "buy"),
    merchant: M,
    amount: euro("0.02"),
    metered: false,
    order: orderHash(orderSalt, order),
    purchase: made(lepta.purchaseRequest).digest,
    place: [session, 0] as const,
  })),
  sample(
    lepta.purchaseResponse,
    [merchant, customer],
    (made) => ({
      ...plain(M, C, "buy"),
      ...done(made, lepta.purchaseRequest),
      charged: euro("0.02"),
      spent: v0.body.id,
      grant: v1.grant,
      goods: utf8("Small change makes small things possible."),
      goodsType: "text/plain;charset=utf-8",
    }),
    { beside: () => secretOf(v1) },
  ),
  sample(lepta.saleNotice, [merchant], (made) => ({
    ...plain(M, B, "buy"),
    customer: C,
    charged: euro("0.02"),
    order: orderHash(orderSalt, order),
    purchase: made(lepta.purchaseRequest).digest,
    response: made(lepta.purchaseResponse).digest,
    place: [session, 0] as const,
  })),
  sample(
    lepta.statement,
    [merchant],
    () => ({
      ...plain(M, B, "lane"),
      customer: C,
      session: hash("session"),
      lane: 0,
      scrip: v0.body.id,
      first: 1,
      last: 5,
      total: euro("0.10"),
      remaining: euro("0.90"),
      chain: hash("chain"),
      previous: toText(hash("statement before")),
      change: v2.grant,
      closes: 1,
    }),
    { counterSigner: customer },
  ),
  sample(lepta.noticeBatch, [merchant, sealKey], (made) => ({
    ...plain(M, B, "batch"),
    entries: [made(lepta.saleNotice).signed, bothSignatures(made(lepta.statement))],
  })),
  sample(lepta.acknowledgement, [acknowledgeKey, merchant], (made) => ({
    ...plain(B, M, "batch"),
    request: made(lepta.noticeBatch).digest,
    decidedAt: now - 1000,
    count: 2,
    tree: treeHash([made(lepta.saleNotice), made(lepta.statement)].map((each) => lepta.idBytes(each.digest))),
    refused: [[1, "conflict"]] as const,
  })),
  sample(lepta.query, [customer, sealKey], () => ({
    ...request(C, B, "query"),
    initiator: C,
    subject: txnOf("vendor"),
  })),
  sample(lepta.abort, [merchant, sealKey], (made) => ({
    ...request(M, B, "abort"),
    initiator: C,
    subject: txnOf("vendor"),
    authorization: made(lepta.authorizationRequest).digest,
    amount: euro("1.00"),
  })),
  sample(
    lepta.transactionResponse,
    [decideKey, customer],
    (made) => ({
      ...plain(B, C, "query"),
      request: made(lepta.query).digest,
      initiator: C,
      subject: txnOf("vendor"),
      state: "done" as const,
      decidedAt: now - 1000,
      record: [3, hash("record 3")] as const,
    }),
    {
      beside: (made) => ({
        secrets: [{ scrip: br1.body.id, spentBy: [C, txnOf("redeem")] as const }],
        attachments: [made(lepta.brokerscripChange).signed],
      }),
    },
  ),
  sample(lepta.accountQuery, [customer, sealKey], () => ({
    ...request(C, B, "account"),
    cursor: "page 2",
  })),
  sample(
    lepta.accountResponse,
    [decideKey, customer],
    (made) => ({
      ...plain(B, C, "account"),
      request: made(lepta.accountQuery).digest,
      record: [3, hash("record 3")] as const,
      live: br1.grant,
      open: [[txnOf("fund again"), "brokerscrip"]] as const,
      vendors: [[M, txnOf("vendor"), "wss://news.example/pay", euro("1.00")]] as const,
      disputes: [],
      cursor: "page 3",
    }),
    { beside: () => secretOf(br1) },
  ),
  sample(lepta.holdingsRequest, [customer, merchant], () => ({
    ...request(C, M, "holdings"),
    cursor: "line 8",
    all: true,
  })),
  sample(
    lepta.holdingsResponse,
    [merchant, customer],
    (made) => ({
      ...plain(M, C, "holdings"),
      request: made(lepta.holdingsRequest).digest,
      lines: [
        {
          txn: txnOf("vendor"),
          origin: v0.body.id,
          grant: v1.grant,
          evidence: made(lepta.purchaseRequest).signed,
        },
      ],
      cursor: "line 16",
    }),
    { beside: () => secretOf(v1) },
  ),
  sample(lepta.renewalRequest, [customer, merchant], () => ({
    ...request(C, M, "renew"),
    spend: proveSpend(
      v1.customerSecret,
      encodeAs(lepta.returnSpendCodec, { scrip: scripOf(v1.grant), amount: euro("0.98") }),
    ),
  })),
  sample(
    lepta.renewalResponse,
    [merchant, customer],
    (made) => ({
      ...plain(M, C, "renew"),
      ...done(made, lepta.renewalRequest),
      grant: v3.grant,
      spent: v1.body.id,
    }),
    { beside: () => secretOf(v3) },
  ),
  sample(lepta.redeemRequest, [customer, sealKey], () => ({
    ...request(C, B, "redeem"),
    spend: proveSpend(
      br1.customerSecret,
      encodeAs(lepta.returnSpendCodec, { scrip: scripOf(br1.grant), amount: euro("4.00") }),
    ),
  })),
  // A refusal, with none of the fields that only a decision in favour has.
  sample(lepta.redeemResponse, [decideKey, customer], (made) => ({
    ...plain(B, C, "redeem"),
    ...done(made, lepta.redeemRequest),
    ok: false,
    reason: "declined",
  })),
  sample(lepta.refundOrder, [customer, sealKey], () => ({
    ...request(C, B, "refund"),
    merchant: M,
    amount: euro("0.98"),
    scrip: v1.body.id,
  })),
  sample(
    lepta.refundRequest,
    [customer, merchant],
    (made) => ({
      ...request(C, M, "refund"),
      spend: proveSpend(
        v1.customerSecret,
        encodeAs(lepta.returnSpendCodec, { scrip: scripOf(v1.grant), amount: euro("0.98") }),
      ),
      part: sealedDigest(made, lepta.refundOrder),
    }),
    { beside: (made) => ({ attachments: [made(lepta.refundOrder).bytes] }) },
  ),
  sample(
    lepta.refundAuthorization,
    [merchant, sealKey],
    (made) => ({
      ...request(M, B, "refund"),
      customer: C,
      amount: euro("0.98"),
      part: sealedDigest(made, lepta.refundOrder),
      credit: txnOf("vendor"),
    }),
    { beside: (made) => ({ attachments: [made(lepta.refundOrder).bytes] }) },
  ),
  sample(
    lepta.refundChange,
    [decideKey, customer],
    (made) => ({
      ...plain(B, C, "refund"),
      ...done(made, lepta.refundOrder),
      record: [4, hash("record 4")] as const,
      grant: br2.grant,
      replaced: br1.body.id,
      amount: euro("0.98"),
      merchant: M,
    }),
    { beside: () => secretOf(br2) },
  ),
  sample(lepta.reversalRequest, [customer, sealKey], () => ({
    ...request(C, B, "reverse"),
    merchant: M,
    subject: txnOf("vendor"),
  })),
  sample(lepta.reversalClaim, [merchant, sealKey], (made) => ({
    ...request(M, B, "reverse"),
    customer: C,
    subject: txnOf("vendor"),
    claimed: euro("0.02"),
    evidence: made(lepta.purchaseRequest).signed,
  })),
  sample(
    lepta.reversal,
    [decideKey, customer],
    (made) => ({
      ...plain(B, C, "reverse"),
      ...done(made, lepta.reversalRequest),
      record: [5, hash("record 5")] as const,
      customer: C,
      merchant: M,
      subject: txnOf("vendor"),
      amount: euro("0.98"),
      grant: br2.grant,
      replaced: br1.body.id,
    }),
    { beside: () => secretOf(br2) },
  ),
  sample(lepta.settleRequest, [merchant, sealKey], () => ({
    ...request(M, B, "settle"),
  })),
  sample(lepta.settlementStatement, [decideKey, merchant], (made) => ({
    ...plain(B, M, "settle"),
    ...done(made, lepta.settleRequest),
    credits: [[C, txnOf("vendor"), euro("0.02")]] as const,
    record: [2, hash("record 2")] as const,
    brought: euro("0.003"),
    paid: euro("0.02"),
    carried: euro("0.003"),
    reference: "rail/0002",
    more: false,
  })),
];

function bothSignatures({ signed, counterSigned }: Example): Uint8Array {
  if (counterSigned === undefined) throw new TypeError("a statement has two signatures");
  return encodeAs(lepta.signedStatement, {
    statement: payloadOf(signed),
    merchant: withoutPayload(signed),
    customer: withoutPayload(counterSigned),
  });
}

const payloadOf = (sign1: Uint8Array): Uint8Array => lepta.orThrow(lepta.readSign1(sign1)).payload;

/** The COSE_Sign1 as it stands beside its payload. */
function withoutPayload(sign1: Uint8Array): Uint8Array {
  const item = lepta.orThrow(lepta.decodeCbor(sign1));
  if (!(item instanceof lepta.Tagged) || !Array.isArray(item.value)) throw new TypeError("no COSE_Sign1");
  const [head, unprotected, , signature] = item.value;
  return lepta.encodeCbor(new lepta.Tagged(item.tag, [head, unprotected, null, signature]));
}
