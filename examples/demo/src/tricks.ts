/** The rogue's messages: figures 7 and 8 by hand, with whatever scrip and whatever part for B. */
import {
  type Amount,
  authorizationRequest,
  authorizationResponse,
  brokerSpendCodec,
  brokerscripChange,
  encodeAs,
  type Grant,
  mint,
  multiply,
  type Order,
  orThrow,
  proveSpend,
  purchaseRequest,
  purchaseResponse,
  purchaseSpendCodec,
  type ScripTuple,
  scripBodyCodec,
  scripOf,
  sha256,
  toText,
  type Verified,
  vendorscripOrder,
  vendorscripRequest,
  vendorscripResponse,
} from "@lepta/protocol";
import { bodyOf, type Holding } from "./records.ts";
import { type Rogue, randomBytes, randomId, type Shop, soon, verdictOf } from "./rogue.ts";
import { euroAmount, type Verdict } from "./teller.ts";

/** A scrip as it is shown, and the secret under which the spending is proved. */
export interface Shown {
  readonly scrip: ScripTuple;
  readonly secret: Uint8Array;
}

/** The scrip as it is. */
export const asIs = ({ grant, secret }: Holding): Shown => ({ scrip: scripOf(grant), secret });

/** The same scrip under the same certificate, saying that it is worth more. */
export function raised(held: Holding, value: bigint): Shown {
  const body: Grant["body"] = encodeAs(scripBodyCodec, { ...bodyOf(held), value: euroAmount(value) });
  return { scrip: [body, held.grant.certificate], secret: held.secret };
}

/** Figure 7, M1 by hand; what the merchant's M2 says. */
export async function buyWith(rogue: Rogue, shop: Shop, shown: Shown, order: Order): Promise<Verdict> {
  const amount = orThrow(multiply(order.unitPrice, order.quantity));
  const spend = { scrip: shown.scrip, order, salt: randomBytes(16), amount, metered: false };
  const request = await rogue.sign(purchaseRequest, {
    to: shop.credential.uid,
    txn: randomId(),
    expiresAt: soon(),
    spend: proveSpend(shown.secret, encodeAs(purchaseSpendCodec, spend)),
  });
  const [reply] = await rogue.tell(shop, request);
  return verdictOf(rogue.open(reply, purchaseResponse).then((opened) => rogue.verifyFrom(shop, opened)));
}

/** Figure 8, M1 by hand: what the merchant is told, and what the broker's M3 tells the customer alone. */
export async function obtainWith(
  rogue: Rogue,
  shop: Shop,
  shown: Shown,
  amount: Amount,
): Promise<{ readonly fromMerchant: Verdict; readonly fromBroker: Verdict }> {
  const common = { txn: randomId(), expiresAt: soon() };
  const minimumExpiry = soon();
  const merchant = shop.credential.uid;
  const body = encodeAs(brokerSpendCodec, { scrip: shown.scrip, amount, minimumExpiry });
  const order = await rogue.sign(vendorscripOrder, {
    ...common,
    to: rogue.network,
    merchant,
    spend: proveSpend(shown.secret, body),
  });
  const part = await rogue.sealToBroker(order);
  const request = await rogue.sign(vendorscripRequest, {
    ...common,
    to: merchant,
    amount,
    minimumExpiry,
    part: toText(sha256(part)),
  });
  const [answer, change] = await rogue.tell(shop, request, { attachments: [part] });
  const m5 = rogue.open(answer, vendorscripResponse).then((opened) => rogue.verifyFrom(shop, opened));
  const m3 = rogue.open(change, brokerscripChange).then((opened) => rogue.verifyFromBroker(opened));
  return { fromMerchant: await verdictOf(m5), fromBroker: await verdictOf(m3) };
}

/** Figure 8, M2 by hand, with a part for B that came from somewhere else; what the broker's M4 says. */
export async function collectWith(
  rogue: Rogue,
  part: Uint8Array,
  { txn, customer, amount }: { readonly txn: string; readonly customer: string; readonly amount: Amount },
): Promise<Verdict> {
  const secrets = { epochRoot: randomBytes(32), salt: randomBytes(32) };
  const { network, uid: issuer } = rogue;
  const draft = { kind: "vendor", network, issuer, owner: customer, value: amount } as const;
  const { grant } = mint(secrets, { ...draft, id: randomId(), expiresAt: soon() + YEAR });
  const request = await rogue.sign(authorizationRequest, {
    to: network,
    txn,
    expiresAt: soon(),
    customer,
    amount,
    part: toText(sha256(part)),
    scrip: grant.body,
    // B cannot open what is in escrow: anything will do.
    escrow: randomBytes(256),
  });
  const sealed = await rogue.sealToBroker(request, { attachments: [part] });
  return verdictOf(openAuthorization(rogue, await rogue.post("/authorise", sealed)));
}

/** M4 as the broker signed it. */
export const openAuthorization = async (
  rogue: Rogue,
  bytes: Uint8Array,
): Promise<Verified<typeof authorizationResponse>> =>
  rogue.verifyFromBroker(await rogue.open(bytes, authorizationResponse));

const YEAR = 365 * 24 * 60 * 60 * 1000;
