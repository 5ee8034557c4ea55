/** `lepta wallet buy`: an item of a merchant, for no more than the user allows (figures 8 and 7). */
import { formatAmount, type Receipt, type Wallet } from "@lepta/peer-sdk";
import { limits } from "@lepta/protocol";
import { amountText, numberOf } from "../amount.ts";
import type { Command, Context } from "../command.ts";
import { withWallet } from "../party.ts";
import { plain } from "../plain.ts";
import { finishOrBegin } from "../unfinished.ts";
import { handedOut, outputMustBeFree, outputOption } from "./goods.ts";

export const walletBuy: Command = {
  name: "wallet buy",
  summary: "buys an item",
  help:
    "Buys an item at a merchant's address and writes it to standard output, or with -o to a file; what it has cost is said on\n" +
    "standard error. Never more than --max is paid. Where the wallet has too little at this merchant, some is put there first.\n" +
    "Where the outcome of the same command was not told, it is finished now, and nothing is paid again.",
  examples: ['npx lepta wallet buy "ws://127.0.0.1:8788" article-17 --max "EUR 0.05"'],
  arguments: [{ name: "merchant-url" }, { name: "sku" }],
  options: [
    { name: "max", value: "amount", summary: 'the most that may be paid, "EUR 0.05"', isRequired: true },
    { name: "quantity", value: "number", summary: "how many (1)" },
    outputOption,
  ],
  run: (context) => {
    const { argument, option } = context;
    const order = {
      url: argument("merchant-url") ?? "",
      sku: argument("sku") ?? "",
      max: amountText("--max", option("max") ?? ""),
      quantity: numberOf("--quantity", option("quantity") ?? "1", 1, limits.quantity),
    };
    outputMustBeFree(context);
    return withWallet(context, (wallet) => buy(context, wallet, order));
  },
};

interface Wished {
  readonly url: string;
  readonly sku: string;
  readonly max: string;
  readonly quantity: number;
}

async function buy(
  context: Context,
  wallet: Wallet,
  { url, sku, max, quantity }: Wished,
): Promise<undefined> {
  const { value, isEarlier, told } = await finishOrBegin(context, wallet, {
    kind: "purchase",
    what: JSON.stringify([url, sku, quantity]),
    taken: ({ txn }) => wallet.recall(txn),
    isNamed: true,
    begin: (txn) => context.during(`Buying ${plain(sku)}`, wallet.buy(url, sku, { max, quantity, txn })),
  });
  const { goods, receipt } = value;
  const { answer } = await handedOut(context, receipt.txn, goods);
  await context.tell({
    ...answer,
    json: { ...answer.json, ...saleOf(receipt), isEarlier },
    asides: [
      isEarlier
        ? `Paid ${formatAmount(receipt.charged)} before, when the outcome was not told; nothing was paid now.`
        : `Paid ${formatAmount(receipt.charged)}. The receipt: lepta wallet receipt ${receipt.txn}`,
    ],
  });
  await told();
  return undefined;
}

const saleOf = ({ charged, merchant, order, at }: Receipt) => ({
  charged: formatAmount(charged),
  merchant,
  sku: order.sku,
  quantity: order.quantity,
  at,
});
