/** `lepta wallet pending`: what is under way, after everybody concerned was asked again. */
import { LeptaError } from "@lepta/peer-sdk";
import type { Command } from "../command.ts";
import { exit } from "../fault.ts";
import { withWallet } from "../party.ts";
import { short, tableLines, time } from "../table.ts";
import { kindWords, statusMeaning } from "../words.ts";

export const walletPending: Command = {
  name: "wallet pending",
  summary: "what is under way",
  help:
    "Asks the broker and the merchants once more what has come of what is under way, and shows what is still not known. It\n" +
    "pays nothing. The exit status is 4 while something is under way, 0 when nothing is.",
  examples: ["npx lepta wallet pending"],
  run: (context) =>
    withWallet(context, async (wallet) => {
      // Who does not answer is among those that stay.
      await context.during("Asking", wallet.resume().catch(unlessUnknown));
      const open = await wallet.pending();
      const rows = open.map(({ at, kind, merchant, amount, status, txn }) => [
        time(at),
        kindWords[kind],
        short(merchant),
        amount,
        statusMeaning[status],
        txn,
      ]);
      return {
        lines: tableLines(
          context,
          ["time", "what", "merchant", "amount", "state", "name"],
          rows,
          "Nothing is under way.",
        ),
        json: { transactions: open },
        status: open.length === 0 ? exit.ok : exit.again,
      };
    }),
};

function unlessUnknown(error: unknown): void {
  if (!(error instanceof LeptaError)) throw error;
}
