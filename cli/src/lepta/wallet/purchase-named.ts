/** A purchase as people name it: by its name in the history, or `last`. */
import type { Wallet } from "@lepta/peer-sdk";

/** The name of the purchase; of `last`, where nothing was bought yet, the word itself, which names none. */
export async function purchaseNamed(wallet: Wallet, text: string): Promise<string> {
  if (text !== "last") return text;
  const isBought = ({ kind, outcome }: Awaited<ReturnType<Wallet["history"]>>[number]): boolean =>
    kind === "purchase" && outcome === "done";
  return (await wallet.history()).findLast(isBought)?.txn ?? text;
}
