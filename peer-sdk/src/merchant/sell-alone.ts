/** Figure 7 where M1 comes another way than over a connection: with the customer's hello before it, and M2 goes back the same way. */
import {
  isRefusal,
  type Or,
  openMessage,
  orThrow,
  purchaseRequest,
  purchaseResponse,
  purchaseSpendCodec,
  readMessage,
  readSpend,
  refuse,
  type Value,
} from "@lepta/protocol";
import { type Request, sealSale } from "./sale.ts";
import { decided } from "./sell-item.ts";
import type { Shop } from "./shop.ts";
import { recognise, verifyFrom } from "./visit.ts";

/** M1 that was opened and is the customer's own. */
export interface Offering {
  readonly request: Request;
  readonly spend: Value<typeof purchaseSpendCodec>;
  /** The purchase's name: customer and transaction. */
  readonly purchase: string;
}

/** Who says hello and what it would buy; the refusal is the customer's fault, and nothing is kept of it. */
export async function readOffering(
  shop: Shop,
  greeting: Uint8Array,
  sealed: Uint8Array,
): Promise<Or<Offering>> {
  // The hello is answered by M2.
  const greeted = await recognise(shop.party, greeting);
  if (isRefusal(greeted)) return greeted;
  const { customer } = greeted;
  const { identity } = shop.party;
  const opened = await openMessage(sealed, [purchaseRequest], (kid) =>
    kid === identity.opening.id ? identity.opening : undefined,
  );
  if (isRefusal(opened)) return opened;
  if (opened.payload.from !== customer.uid) return refuse("unknown-peer");
  const message = await verifyFrom(shop, opened, customer);
  if (isRefusal(message)) return message;
  const spend = readSpend(purchaseSpendCodec, message.payload.spend);
  if (isRefusal(spend)) return spend;
  return { request: { message, customer }, spend, purchase: `${customer.uid}/${message.payload.txn}` };
}

/** Decides M1: M2 sealed, and where it refuses its code. The same M1 gets the same M2 again. */
export async function sellAlone(
  shop: Shop,
  { request }: Offering,
): Promise<Or<{ readonly response: Uint8Array; readonly reason: string | undefined }>> {
  const sold = await decided(shop, request);
  if (isRefusal(sold)) return sold;
  const { ok, reason = "internal" } = orThrow(readMessage(sold.response, [purchaseResponse])).payload;
  return { response: await sealSale(shop, request, sold), reason: ok ? undefined : reason };
}
