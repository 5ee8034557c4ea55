/** The newspaper: each story with its price, and its text below once it is bought. */
import { goodsView } from "../elements/goods-view.ts";
import type { Paid } from "../elements/lepta-pay.ts";
import { button, make } from "../make.ts";
import type { Article } from "../page-config.ts";

/** All stories on the shelf; `merchant` is the address at which they are bought. */
export const storefront = (articles: readonly Article[], merchant: string): readonly HTMLElement[] =>
  articles.map((article) => story(article, merchant));

function story({ sku, price, title, teaser, section }: Article, merchant: string): HTMLElement {
  const pay = make("lepta-pay" as "div", { sku, price, merchant, about: title });
  const card = make(
    "article",
    { class: "story", "data-sku": sku },
    make("p", { class: "section" }, section),
    make("h2", {}, title),
    make("p", { class: "teaser" }, teaser),
    pay,
  );
  pay.addEventListener("lepta-paid", (event) => {
    event.preventDefault();
    open(card, pay, title, (event as CustomEvent<Paid>).detail);
  });
  return card;
}

function open(card: HTMLElement, pay: HTMLElement, title: string, { goods }: Paid): void {
  const close = button("Close the story", {}, () => {
    text.remove();
    pay.shadowRoot?.querySelector("button")?.focus();
  });
  const text = make("div", { class: "text", tabindex: -1, role: "region", "aria-label": title });
  text.append(goodsView(goods, title), make("p", { class: "row" }, close));
  card.querySelector(".text")?.remove();
  card.append(text);
  // Whoever has bought a story wants to read it.
  text.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}
