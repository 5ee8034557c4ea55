/** What was, newest first: each entry opens on what it means, its receipt and the goods. */
import { type HistoryEntry, LeptaError } from "@lepta/peer-sdk";
import { count, moment, money } from "../locale.ts";
import { button, make } from "../make.ts";
import type { PageWallet } from "../page-wallet.ts";
import { kindWords, outcomeWords, statusWords } from "../words.ts";
import { goodsView, saveFile } from "./goods-view.ts";

/** Does something that may fail, and says how it went. */
type Try = (work: () => Promise<unknown>, done: () => string) => Promise<void>;
type NameOf = (name: string) => string;

/** Entries shown at first, and with each press of the button. */
const PAGE = 8;

interface Row {
  readonly element: HTMLElement;
  /** What it was made of: the row is made again when that has changed. */
  readonly made: string;
}

export class HistoryList {
  readonly element = make("section", { "aria-label": "History" });
  readonly #try: Try;
  readonly #list = make("ul", { class: "history" });
  readonly #more = button("", {}, () => {
    this.#shown += PAGE;
    this.#again();
  });
  #rows = new Map<string, Row>();
  #shown = PAGE;
  #again: () => void = () => {};

  constructor(attempt: Try) {
    this.#try = attempt;
    this.element.append(make("h3", {}, "History"), this.#list, this.#more);
  }

  show(wallet: PageWallet, history: readonly HistoryEntry[], nameOf: NameOf): void {
    this.#again = () => this.show(wallet, history, nameOf);
    const entries = history.slice(0, this.#shown);
    const rows = new Map(
      entries.map((entry) => [`${entry.kind}/${entry.txn}`, this.#row(wallet, entry, nameOf)]),
    );
    this.#rows = rows;
    const elements = [...rows.values()].map(({ element }) => element);
    // What stays in its place keeps focus and what is open; only what is new moves.
    for (const old of [...this.#list.children]) if (!elements.includes(old as HTMLElement)) old.remove();
    elements.forEach((element, index) => {
      if (this.#list.children[index] !== element)
        this.#list.insertBefore(element, this.#list.children[index] ?? null);
    });
    this.#more.hidden = history.length <= this.#shown;
    this.#more.textContent = `Show more (${count(history.length - this.#shown)})`;
    if (history.length === 0) this.#list.replaceChildren(make("li", { class: "none" }, "Nothing yet."));
  }

  #row(wallet: PageWallet, entry: HistoryEntry, nameOf: NameOf): Row {
    const title = entry.sku === undefined ? kindWords[entry.kind] : nameOf(entry.sku);
    const made = JSON.stringify([entry, title]);
    const before = this.#rows.get(`${entry.kind}/${entry.txn}`);
    if (before?.made === made) return before;
    const element = before?.element ?? make("li");
    const details = element.querySelector("details") ?? make("details");
    const focused = details.querySelector("summary") ?? make("summary");
    focused.replaceChildren(
      make("span", { class: "title" }, title),
      make("span", { class: "amount" }, signed(entry)),
      make("span", { class: `status ${entry.status}` }, statusWords[entry.status].name),
    );
    details.replaceChildren(focused, this.#inside(wallet, entry, title, nameOf));
    element.replaceChildren(details);
    return { element, made };
  }

  #inside(wallet: PageWallet, entry: HistoryEntry, title: string, nameOf: NameOf): HTMLElement {
    const { txn, status, outcome, at, merchant, kind } = entry;
    const goods = make("div", { class: "goods" });
    const read = async (): Promise<void> => {
      const found = await wallet.recall(txn);
      if (found === undefined) throw new LeptaError("wrong-reference");
      goods.replaceChildren(goodsView(found.goods, title));
    };
    const save = async (): Promise<void> =>
      saveFile(await receiptOf(wallet, txn), `lepta-receipt-${txn}.cbor`, "application/cbor");
    const isBought = kind === "purchase" && outcome === "done";
    return make(
      "div",
      { class: "inside" },
      make("p", {}, [outcomeWords(outcome), statusWords[status].meaning].filter(Boolean).join(" ")),
      make("p", { class: "small" }, `${moment(at)}${merchant === undefined ? "" : ` · ${nameOf(merchant)}`}`),
      ...(isBought
        ? [
            make(
              "p",
              { class: "row" },
              button(
                "Save the receipt",
                {},
                () => void this.#try(save, () => "The receipt is saved: anybody can check it."),
              ),
              button("Show the goods", {}, () => void this.#try(read, () => `${title} is shown again.`)),
            ),
            goods,
          ]
        : []),
      make("p", { class: "small txn" }, txn),
    );
  }
}

/** There is a receipt as soon as both sides have signed for the purchase. */
async function receiptOf(wallet: PageWallet, txn: string): Promise<Uint8Array> {
  try {
    return await wallet.receipt(txn);
  } catch (error) {
    if (!(error instanceof LeptaError) || error.code !== "pending") throw error;
    throw new LeptaError("statement-due");
  }
}

/** What came in is marked so, in words of the locale: a plus. What was only moved is not. */
const signed = ({ kind, amount, outcome }: HistoryEntry): string =>
  `${kind === "topup" && outcome === "done" ? "+" : ""}${money(amount)}`;
