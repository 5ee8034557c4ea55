/** What every merchant of the simulation delivers, and what may be charged for it. */
import { parseAmount } from "@lepta/protocol";
import { meter } from "./rates.ts";

export const goodsFor = (customer: string, txn: string, sku: string): string =>
  `${sku} for ${customer}/${txn}`;

/** What one unit of what is metered costs. */
export const UNIT_PRICE = parseAmount(meter.price);

/** What is metered tells how many units of it were used. */
export const unitsFor = (customer: string, txn: string, units: number): string =>
  goodsFor(customer, txn, `${units} of ${meter.sku}`);

/** The goods for which so much was charged, in millionths: those of what is metered say it too. */
export const goodsAt = (customer: string, txn: string, sku: string, charged: bigint): string =>
  sku === meter.sku
    ? unitsFor(customer, txn, Number(charged) / Number(UNIT_PRICE.value))
    : goodsFor(customer, txn, sku);

/** Whether so much may be charged for an order: its price, or whole units of a piece of what is metered. */
export const isCharge = (sku: string, quantity: number, unitPrice: bigint, charged: bigint): boolean =>
  sku === meter.sku
    ? quantity <= meter.piece && charged % unitPrice === 0n && charged <= unitPrice * BigInt(quantity)
    : charged === unitPrice * BigInt(quantity);
