/** `lepta merchant sales`: what was sold. */

import type { Command } from "../command.ts";
import { withMerchant } from "../party.ts";
import { latest, leftOut, limitOf, limitOption, short, tableLines, time } from "../table.ts";

export const merchantSales: Command = {
  name: "merchant sales",
  summary: "what was sold",
  help: "Shows what was sold, the latest last, times in UTC. While lepta merchant serve has the directory open the exit status is 4.",
  examples: ["npx lepta merchant sales", "npx lepta merchant sales --limit 100 --json"],
  options: [limitOption],
  run: (context) => {
    const limit = limitOf(context);
    return withMerchant(context, async (merchant) => {
      const all = [...(await merchant.sales())].sort((a, b) => a.at - b.at);
      const { shown, total } = latest(limit, all);
      const rows = shown.map(({ at, sku, quantity, customer, charged, ok, isRefunded, txn }) => [
        time(at),
        sku,
        String(quantity),
        charged,
        isRefunded ? "given back" : ok ? "sold" : "refused",
        short(customer),
        txn,
      ]);
      const head = ["time", "item", "quantity", "charged", "state", "customer", "name"];
      return {
        lines: [...tableLines(context, head, rows, "Nothing was sold yet."), ...leftOut(shown.length, total)],
        json: { total, sales: shown },
      };
    });
  },
};
