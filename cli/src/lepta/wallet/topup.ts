/** `lepta wallet topup`: money from the account into the wallet (figure 6). */
import { amountText } from "../amount.ts";
import type { Command } from "../command.ts";
import { withWallet } from "../party.ts";
import { finishOrBegin } from "../unfinished.ts";

export const walletTopup: Command = {
  name: "wallet topup",
  summary: "puts money into it",
  help:
    "Has the broker charge the wallet's account, and takes what it gives for it. With the sandbox bank it is play money.\n" +
    "Where the outcome of an earlier top-up of this amount was not told, it is told now, and nothing is charged again.",
  examples: ['npx lepta wallet topup "EUR 5.00"'],
  arguments: [{ name: "amount" }],
  run: (context) => {
    const amount = amountText("<amount>", context.argument("amount") ?? "");
    return withWallet(context, async (wallet) => {
      const { isEarlier, told } = await finishOrBegin(context, wallet, {
        kind: "topup",
        what: amount,
        taken: async (entry) => (entry.amount === amount ? true : undefined),
        begin: async () => {
          await context.during(`Topping up ${amount}`, wallet.topUp(amount));
          return true as const;
        },
      });
      const { brokerScrip = "nothing" } = await wallet.balance();
      await context.tell({
        lines: [
          isEarlier
            ? `The last top-up of ${amount}, whose outcome was not told, has arrived; nothing was charged now.`
            : `${amount} is in the wallet.`,
          `At the broker: ${brokerScrip}`,
        ],
        json: { amount, isEarlier, brokerScrip },
      });
      await told();
      return undefined;
    });
  },
};
