/** A purchase that the merchant gives back: new VendorScrip of what was charged, which the customer fetches. */
import { isRefusal, LeptaError, subtract, type Uid } from "@lepta/protocol";
import { issue } from "./issue.ts";
import { findLaneSale } from "./lanes/sales.ts";
import { lineOf, withLine } from "./line.ts";
import { type LineRecord, lineId } from "./records.ts";
import type { Shop } from "./shop.ts";

/** Gives one purchase back, once, however often it is asked for. Throws `wrong-reference` where nothing was charged. */
export async function refundSale(shop: Shop, customer: Uid, txn: string): Promise<void> {
  const { party, tables } = shop;
  const id = `${customer}/${txn}`;
  await shop.lock.run(`sale/${id}`, async () => {
    const sale = (await tables.sales.get(id)) ?? (await findLaneSale(shop, customer, txn));
    if (sale?.origin === undefined || sale.charged.value === 0n)
      throw new LeptaError("wrong-reference", `there is no sale ${id} that was charged`);
    if (sale.refunded !== undefined) return;
    const { origin, charged } = sale;
    await withLine(shop, lineId(customer, origin), async () => {
      const line = await lineOf(shop, lineId(customer, origin));
      if (line.ended)
        throw new LeptaError("wrong-reference", "the broker has reversed what it was paid with");
      const sold = subtract(line.sold, charged);
      if (isRefusal(sold)) throw new LeptaError(sold.code);
      const expiresAt = party.runtime.now() + shop.scripLife;
      const back = issue(shop, { owner: customer, value: charged, expiresAt });
      const { salt } = back;
      // A line of its own: what is spent of it says nothing about the V0 that it was bought with.
      const own: LineRecord = {
        credit: line.credit,
        value: charged,
        live: [back.id],
        sold: { ...charged, value: 0n },
      };
      await party.store.commit([
        tables.sales.put(id, { ...sale, refunded: back.id }),
        tables.lines.put(lineId(customer, origin), { ...line, sold }),
        tables.lines.put(lineId(customer, back.id), own),
        tables.scrip.put(back.id, {
          state: "live",
          owner: customer,
          value: charged,
          expiresAt,
          salt,
          from: txn,
          origin: back.id,
        }),
      ]);
    });
  });
}
