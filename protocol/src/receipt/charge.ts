/** What a receipt's purchase may have cost. */
import { multiply, sameAmount } from "../amount.ts";
import { isRefusal, type Refusal, refuse } from "../errors.ts";
import type { Said } from "./said.ts";

/** What was charged is the price of the order, when metered at most the maximum, and nothing where M refused. */
export function checkCharge({
  order,
  amount,
  metered,
  ok,
  charged,
}: Pick<Said, "order" | "amount" | "metered" | "ok" | "charged">): Refusal | undefined {
  if (!ok) return charged.value === 0n ? undefined : refuse("price-mismatch", "a refusal that charges");
  if (charged.currency !== amount.currency) return refuse("wrong-currency");
  if (metered)
    return charged.value <= amount.value ? undefined : refuse("price-mismatch", "above the maximum");
  const price = multiply(order.unitPrice, order.quantity);
  if (isRefusal(price) || !sameAmount(price, amount) || !sameAmount(charged, amount))
    return refuse("price-mismatch", "not the price of the order");
  return undefined;
}
