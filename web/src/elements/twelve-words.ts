/** The twelve words that restore a wallet, shown to whoever asks while the wallet can tell them. */
import { button, make } from "../make.ts";
import type { PageWallet } from "../page-wallet.ts";

/** A notice, or undefined where the wallet tells no words. */
export async function twelveWords(wallet: PageWallet): Promise<HTMLElement | undefined> {
  const phrase = await wallet.words?.();
  if (phrase === undefined) return undefined;
  const list = make("ol", { class: "words", tabindex: -1, "aria-label": "The twelve words" });
  const notice = make("section", { class: "notice", "aria-label": "Twelve words" });
  const done = button("I have written them down", { class: "main" }, () => notice.remove());
  const show = button("Show the twelve words", { "aria-expanded": "false" }, () => {
    list.replaceChildren(...phrase.split(" ").map((word) => make("li", {}, word)));
    show.replaceWith(list, done);
    list.focus();
  });
  notice.append(
    make(
      "p",
      {},
      "Twelve words bring this wallet back when this browser has lost it. It can tell them on this visit alone. Who has them has its money.",
    ),
    show,
  );
  return notice;
}
