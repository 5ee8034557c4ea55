/** `lepta wallet balance`: what the wallet holds, at the broker and at each merchant. */
import { columns } from "../../report.ts";
import type { Command } from "../command.ts";
import { withWallet } from "../party.ts";
import { plain } from "../plain.ts";

export const walletBalance: Command = {
  name: "wallet balance",
  summary: "what it holds",
  help:
    "Shows what is at the broker and can be spent anywhere, and what is at each merchant and can be spent there. What is under\n" +
    "way is counted; lepta wallet pending shows it.",
  examples: ["npx lepta wallet balance", "npx lepta wallet balance --json"],
  run: (context) =>
    withWallet(context, async (wallet) => {
      const balance = await wallet.balance();
      const rows = [
        ["at the broker", balance.brokerScrip ?? "nothing"],
        ...balance.vendorScrip.map(({ merchant, url, amount }) => [`at ${url ?? merchant}`, amount]),
      ];
      return {
        lines: columns(rows.map((row) => row.map(plain))),
        json: {
          uid: wallet.uid,
          brokerScrip: balance.brokerScrip ?? null,
          vendorScrip: balance.vendorScrip.map(({ merchant, url, amount }) => ({
            merchant,
            url: url ?? null,
            amount,
          })),
        },
      };
    }),
};
