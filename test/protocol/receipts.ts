/** Runs of lanes and signed purchases from which receipts are made, with real keys, for customers and merchants of any key. */
import {
  acknowledgement,
  chainAfter,
  type Draft,
  encodeAs,
  encodeCredential,
  encodePayload,
  enrolment,
  keyCertificate,
  laneBuy,
  laneElement,
  laneOrigin,
  laneRefused,
  laneSold,
  makeScripId,
  mint,
  type Order,
  type Purpose,
  proveSpend,
  purchaseRequest,
  purchaseResponse,
  purchaseSpendCodec,
  type Receipt,
  type Recorded,
  type SignedStatement,
  scripOf,
  sealingKeyStatement,
  sha256,
  signMessage,
  signStatement,
  statement,
  treeHash,
  treePath,
  utf8,
  type Value,
} from "@lepta/protocol";
import {
  acknowledgeKey,
  certificateDraft,
  customer,
  DAY,
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
} from "../vectors/parties.ts";

export type Parts = Omit<Receipt, "version" | "type">;

export const order: Order = {
  sku: "article/42",
  description: "The price of small things",
  unitPrice: euro("0.02"),
  quantity: 1,
};
export const goods = utf8("Small change.");

/** The root's certificate of an operational key. */
export const certify = async (
  purpose: Purpose,
  key: Party,
  change: Partial<Draft<typeof keyCertificate>> = {},
): Promise<Uint8Array> => {
  const draft = { ...certificateDraft(purpose, key.signing.publicKey), ...change };
  return (await signMessage(keyCertificate, draft, root.signing)).bytes;
};

export const credentialOf = async (
  peer: Party,
  change: Partial<Draft<typeof keyCertificate>> = {},
): Promise<Uint8Array> =>
  encodeCredential({
    certificate: await certify("enrol", enrolKey, change),
    enrolment: (await signMessage(enrolment, enrolmentDraft(peer), enrolKey.signing)).bytes,
    sealingKey: (await signMessage(sealingKeyStatement, sealingKeyDraft(peer), peer.signing)).bytes,
  });

/** Who buys from whom on which lane, and what the statement says otherwise than it should. */
export interface LaneStory {
  readonly buyer?: Party;
  readonly seller?: Party;
  readonly lane?: number;
  readonly label?: string;
  readonly change?: Partial<Draft<typeof statement>>;
}

/** Three purchases of a lane, the second of them refused, and between them the opening of a resumed session. */
export async function laneRun({
  buyer = customer,
  seller = merchant,
  lane = 3,
  label = "session",
  change = {},
}: LaneStory = {}) {
  const session = fixed(label);
  const scrip = makeScripId(7, fixed(`scrip of ${label}`, 12));
  const origin = laneOrigin(session, lane, scrip);
  const bought = (sequence: number): Uint8Array =>
    encodeAs(laneBuy, [3, lane, sequence, euro("0.02"), 0, order]);
  const sold = (sequence: number, remaining: string): Uint8Array =>
    encodeAs(laneSold, [4, lane, sequence, units("0.02"), units(remaining), goods, "text/plain"]);
  const purchases = [
    [bought(1), sold(1, "0.98")],
    [bought(2), encodeAs(laneRefused, [5, lane, 2, "unknown-item", units("0.98")])],
    [bought(3), sold(3, "0.96")],
  ] as const;
  const [first, second, third] = purchases.map(([m1, m2]) => laneElement(m1, m2)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const elements = [first, fixed(`opening of the session that resumes ${label}`), second, third];
  const draft: Draft<typeof statement> = {
    ...plain(seller.uid, network, `statement of ${label}`),
    customer: buyer.uid,
    session,
    lane,
    scrip,
    first: 1,
    last: 3,
    total: euro("0.04"),
    remaining: euro("0.96"),
    chain: chainAfter(origin, elements),
    ...change,
  };
  const payload = encodePayload(statement, draft);
  const signed: SignedStatement = {
    statement: payload,
    merchant: await signStatement(payload, seller.signing),
    customer: await signStatement(payload, buyer.signing),
  };
  const [customerCredential, merchantCredential] = [await credentialOf(buyer), await credentialOf(seller)];
  /** The receipt of the purchase with this sequence, 1 to 3. */
  const receiptOf = (sequence: 1 | 2 | 3): Parts & { readonly run: NonNullable<Parts["run"]> } => {
    const [m1, m2] = purchases[sequence - 1] ?? purchases[0];
    const at = sequence === 1 ? 0 : sequence;
    return {
      rootKey: root.signing.publicKey,
      customer: customerCredential,
      merchant: merchantCredential,
      request: m1,
      response: m2,
      run: {
        before: origin,
        earlier: elements.slice(0, at),
        later: elements.slice(at + 1),
        statement: signed,
      },
    };
  };
  return { receiptOf, origin, elements, draft, payload, signed, session, scrip };
}

/** The broker's acknowledgement of a batch of five with this statement at `index`. */
export async function recordedAs(
  payload: Uint8Array,
  to: Party,
  index: number,
  change: Partial<Draft<typeof acknowledgement>> = {},
): Promise<Recorded> {
  const leaves = Array.from({ length: 5 }, (_, i) => (i === index ? sha256(payload) : fixed(`entry ${i}`)));
  const draft: Draft<typeof acknowledgement> = {
    ...plain(network, to.uid, "batch"),
    request: to.uid,
    decidedAt: now + 1000,
    count: leaves.length,
    tree: treeHash(leaves),
    refused: [],
    ...change,
  };
  return {
    acknowledgement: (await signMessage(acknowledgement, draft, acknowledgeKey.signing)).bytes,
    certificate: await certify("acknowledge", acknowledgeKey),
    index,
    path: treePath(leaves, index),
  };
}

/** What a purchase of figure 7 says otherwise than it should. */
export interface SignedStory {
  readonly buyer?: Party;
  readonly seller?: Party;
  readonly label?: string;
  readonly spend?: Partial<Value<typeof purchaseSpendCodec>>;
  readonly asked?: Partial<Draft<typeof purchaseRequest>>;
  readonly answered?: Partial<Draft<typeof purchaseResponse>>;
}

/** A purchase of figure 7, M1 and M2 signed by themselves. */
export async function signedPurchase({
  buyer = customer,
  seller = merchant,
  label = "buy",
  spend = {},
  asked = {},
  answered = {},
}: SignedStory = {}): Promise<Parts> {
  const v0 = mint(
    { epochRoot: fixed("epoch root"), salt: fixed(`salt of ${label}`) },
    {
      kind: "vendor",
      network,
      issuer: seller.uid,
      owner: buyer.uid,
      id: makeScripId(7, fixed(`V0 of ${label}`, 12)),
      value: euro("0.02"),
      expiresAt: now + DAY,
    },
  );
  const m1 = await signMessage(
    purchaseRequest,
    {
      ...request(buyer.uid, seller.uid, label),
      spend: proveSpend(
        v0.customerSecret,
        encodeAs(purchaseSpendCodec, {
          scrip: scripOf(v0.grant),
          order,
          salt: fixed("salt", 16),
          amount: euro("0.02"),
          metered: false,
          ...spend,
        }),
      ),
      ...asked,
    },
    buyer.signing,
  );
  const m2 = await signMessage(
    purchaseResponse,
    {
      ...plain(seller.uid, buyer.uid, label),
      request: m1.digest,
      ok: true,
      decidedAt: now,
      charged: euro("0.02"),
      spent: v0.body.id,
      goods,
      goodsType: "text/plain",
      ...answered,
    },
    seller.signing,
  );
  return {
    rootKey: root.signing.publicKey,
    customer: await credentialOf(buyer),
    merchant: await credentialOf(seller),
    request: m1.bytes,
    response: m2.bytes,
  };
}

/** Millionths, as an answer on a lane says them. */
export const units = (text: string): number => Number(euro(text).value);
