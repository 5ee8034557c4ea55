/** The one item that every merchant meters: a piece of it is used for a while, and never more of it than was ordered. */
import { Goods, type Runtime } from "@lepta/peer-sdk";
import { GOODS_TYPE, utf8 } from "@lepta/protocol";
import { Delivery, type Listed, type Made, NotSold } from "../../peer-sdk/src/merchant/catalogue.ts";
import { UNIT_PRICE, unitsFor } from "./goods.ts";
import type { Draws } from "./random.ts";
import { meter } from "./rates.ts";

export interface Metering {
  readonly draws: Draws;
  /** What the handler throws instead of making it, where it is to fail. */
  readonly failing: () => Error | undefined;
}

/** As a merchant lists it that sleeps like this. */
export function meteredItem({ draws, failing }: Metering, sleep: Runtime["sleep"]): Listed {
  const { sku, unit, piece } = meter;
  const use = (id: string, quantity: number): Made => {
    const failure = failing();
    if (failure !== undefined) throw draws.chance(0.5) ? failure : new NotSold("conflict");
    const [customer = "", txn = ""] = id.split("/");
    const units = draws.below(quantity + 1);
    return new Delivery(new Goods(GOODS_TYPE, utf8(unitsFor(customer, txn, units))), () => {}, units);
  };
  return {
    sku,
    price: UNIT_PRICE,
    description: "",
    isBound: true,
    meter: { unit, piece },
    deliver: ({ id, quantity }) =>
      draws.chance(meter.atOnce)
        ? use(id, quantity)
        : sleep(draws.between(...meter.use)).then(() => use(id, quantity)),
  };
}
