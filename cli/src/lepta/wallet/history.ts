/** `lepta wallet history`: all that has ended, and how it stands. */
import type { Command } from "../command.ts";
import { withWallet } from "../party.ts";
import { latest, leftOut, limitOf, limitOption, short, tableLines, time } from "../table.ts";
import { kindWords, statusMeaning, statusWords } from "../words.ts";

export const walletHistory: Command = {
  name: "wallet history",
  summary: "what was",
  help:
    "Shows what has ended, the latest last, times in UTC. A purchase is\n" +
    `  paid     ${statusMeaning.paid}\n` +
    `  settled  ${statusMeaning.settled}\n` +
    `  refused  ${statusMeaning.refused}\n` +
    "The name of a purchase, in the last column, is what lepta wallet receipt takes.",
  examples: ["npx lepta wallet history", "npx lepta wallet history --limit 100 --json"],
  options: [limitOption],
  run: (context) => {
    const limit = limitOf(context);
    return withWallet(context, async (wallet) => {
      const { shown, total } = latest(limit, await wallet.history());
      const rows = shown.map(({ at, kind, sku, merchant, amount, status, outcome, txn }) => [
        time(at),
        kindWords[kind],
        sku ?? "",
        short(merchant),
        amount,
        status === "refused" ? `refused (${outcome})` : statusWords[status],
        txn,
      ]);
      const head = ["time", "what", "item", "merchant", "amount", "state", "name"];
      return {
        lines: [...tableLines(context, head, rows, "Nothing yet."), ...leftOut(shown.length, total)],
        json: { total, transactions: shown },
      };
    });
  },
};
