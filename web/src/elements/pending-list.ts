/** What is under way in a wallet. */
import type { PendingEntry } from "@lepta/peer-sdk";
import { moment, money } from "../locale.ts";
import { button, make } from "../make.ts";
import { kindWords, statusWords } from "../words.ts";

/** Nothing where nothing is under way; what has no answer can be asked for again. */
export function pendingList(
  pending: readonly PendingEntry[],
  nameOf: (merchant: string) => string,
  askAgain: () => void,
): readonly HTMLElement[] {
  if (pending.length === 0) return [];
  const entries = pending.map(({ kind, status, at, amount, merchant }) =>
    make(
      "li",
      {},
      make("strong", {}, `${kindWords[kind]} · ${money(amount)}`),
      make("span", { class: `status ${status}` }, statusWords[status].name),
      make("small", {}, `${moment(at)}${merchant === undefined ? "" : ` · ${nameOf(merchant)}`}`),
      make("small", {}, statusWords[status].meaning),
    ),
  );
  const isStuck = pending.some(({ status }) => status === "unknown");
  return [
    make("h3", {}, "Under way"),
    make("ul", { class: "pending" }, ...entries),
    ...(isStuck ? [button("Ask again", {}, askAgain)] : []),
  ];
}
