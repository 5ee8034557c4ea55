/** `lepta wallet redeem`: money from the wallet back to the account. */
import { amountText } from "../amount.ts";
import type { Command } from "../command.ts";
import { withWallet } from "../party.ts";
import { finishOrBegin } from "../unfinished.ts";

export const walletRedeem: Command = {
  name: "wallet redeem",
  summary: "pays out to the account",
  help:
    "Pays an amount, or without one all that the account can hold, from the broker to the wallet's account. What is at merchants\n" +
    "stays there. Where the outcome of an earlier one was not told, it is told now, and nothing more is paid out.",
  examples: ["npx lepta wallet redeem", 'npx lepta wallet redeem "EUR 1.00"'],
  arguments: [{ name: "amount", isOptional: true }],
  run: (context) => {
    const text = context.argument("amount");
    const amount = text === undefined ? undefined : amountText("[amount]", text);
    return withWallet(context, async (wallet) => {
      const { value, isEarlier, told } = await finishOrBegin(context, wallet, {
        kind: "redeem",
        what: amount ?? "all",
        taken: async (entry) => (amount === undefined || entry.amount === amount ? entry.amount : undefined),
        begin: () => context.during("Paying out", wallet.redeem(amount)),
      });
      const { brokerScrip = "nothing" } = await wallet.balance();
      await context.tell({
        lines: [
          isEarlier
            ? `The last payment of ${value}, whose outcome was not told, went to the account; nothing more was paid now.`
            : `${value} went to the account.`,
          `At the broker: ${brokerScrip}`,
        ],
        json: { amount: value, isEarlier, brokerScrip },
      });
      await told();
      return undefined;
    });
  },
};
