/** `<lepta-pay sku price merchant>`: a button that buys with one click, for the price that it shows and never more. */
import { type Goods, LeptaError, parseAmount, type Receipt } from "@lepta/peer-sdk";
import { money } from "../locale.ts";
import { make } from "../make.ts";
import type { PageWallet } from "../page-wallet.ts";
import { providedWallet } from "../provide.ts";
import { type WalletState, watchState } from "../wallet-state.ts";
import { faultOf } from "./fault.ts";
import { goodsView } from "./goods-view.ts";
import { sheet } from "./sheet.ts";

/** What `lepta-paid` brings. Whoever prevents its default shows the goods itself. */
export interface Paid {
  readonly sku: string;
  readonly goods: Goods;
  readonly receipt: Receipt;
}

export type PayState = "idle" | "paying" | "paid" | "failed";

/**
 * Attributes: `sku`; `price`, `"EUR 0.02"`, the most that is paid; `merchant`, its address, which may end in `#` and its UID, so that
 * what was bought on an earlier visit is shown again and not paid again; `about`, what it is, for those who hear the
 * page; `again`, for what is bought anew each time. Events: `lepta-paid` with a `Paid`, `lepta-failed`
 * with `{ error }`, `lepta-state` with `{ state }`.
 */
export class LeptaPay extends HTMLElement {
  static readonly observedAttributes = ["sku", "price", "merchant", "about"];
  /** The wallet that pays; the page's one where nothing is said. */
  wallet: PageWallet | undefined;
  readonly #button = make("button", { type: "button", class: "main", part: "button" });
  readonly #status = make("div", { role: "status", part: "status" });
  readonly #goods = make("div", { part: "goods" });
  #state: PayState = "idle";
  #isBusy = false;
  #txn: string | undefined;
  #seller: string | undefined;
  #unwatch: (() => void) | undefined;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [looks];
    root.append(this.#button, this.#status, this.#goods);
    this.#button.addEventListener("click", () => void this.pay());
  }

  get state(): PayState {
    return this.#state;
  }

  connectedCallback(): void {
    this.#draw();
    this.#theWallet().then(
      (wallet) => {
        if (!this.isConnected) return;
        this.#unwatch?.();
        this.#unwatch = watchState(wallet, (state) => this.#look(state), ignoreHere);
      },
      // The click that needs the wallet says what is wrong with it.
      ignoreHere,
    );
  }

  disconnectedCallback(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  attributeChangedCallback(): void {
    this.#draw();
  }

  /** Buys, or shows again what was bought; what the click does. */
  async pay(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    // What is only shown again costs nothing, and nobody should think so.
    if (this.#state !== "paid" || this.hasAttribute("again")) this.#become("paying");
    this.#status.replaceChildren();
    try {
      const paid = await this.#buy(await this.#theWallet());
      this.#txn = paid.receipt.txn;
      this.#seller = paid.receipt.merchant;
      this.#become("paid");
      const event = new CustomEvent<Paid>("lepta-paid", { ...travelling, detail: paid });
      if (!this.dispatchEvent(event)) return;
      this.#status.replaceChildren(make("span", { class: "hidden" }, "Paid. The goods follow."));
      this.#goods.replaceChildren(goodsView(paid.goods, this.#attribute("about") || paid.sku));
    } catch (error) {
      this.#become("failed");
      this.#status.replaceChildren(faultOf(error));
      this.dispatchEvent(new CustomEvent("lepta-failed", { ...travelling, detail: { error } }));
    } finally {
      this.#isBusy = false;
    }
  }

  async #buy(wallet: PageWallet): Promise<Paid> {
    const sku = this.#attribute("sku");
    const price = this.#attribute("price");
    if (!this.hasAttribute("again")) {
      const before = await this.#boughtBefore(wallet);
      if (before !== undefined) return { sku, ...before };
    }
    const done = takeOff(price);
    try {
      return { sku, ...(await wallet.buy(this.#attribute("merchant"), sku, { max: price })) };
    } finally {
      done();
    }
  }

  /**
   * What was bought already. A purchase that was sent and not answered is brought to its end first: buying meanwhile might pay
   * twice for one thing. Throws `pending` while that is not possible.
   */
  async #boughtBefore(wallet: PageWallet) {
    const isOurs = await this.#isUnderWay(wallet);
    if (isOurs) {
      await wallet.resume();
      if (await this.#isUnderWay(wallet)) throw new LeptaError("pending");
    }
    const txn = boughtIn(await wallet.history(), this.#attribute("sku"), this.#pin) ?? this.#txn;
    return txn === undefined ? undefined : wallet.recall(txn);
  }

  /**
   * Whether something for this price is under way at this merchant that may be this very item: nobody has an answer, or somebody
   * waits for one who is not on this page.
   */
  async #isUnderWay(wallet: PageWallet): Promise<boolean> {
    const price = this.#attribute("price");
    const { value } = parseAmount(price);
    const alike = (await wallet.pending()).filter(
      ({ kind, merchant, amount }) =>
        kind === "purchase" &&
        (this.#pin === undefined || merchant === this.#pin) &&
        parseAmount(amount).value === value,
    );
    return alike.some(({ status }) => status === "unknown") || alike.length > (flying.get(price) ?? 0);
  }

  /** The seller's UID, as far as it is known. */
  get #pin(): string | undefined {
    const [, pin] = this.#attribute("merchant").split("#");
    return pin ?? this.#seller;
  }

  #theWallet(): Promise<PageWallet> {
    return this.wallet === undefined ? providedWallet : Promise.resolve(this.wallet);
  }

  #look({ history }: WalletState): void {
    if (this.#state !== "idle" || this.hasAttribute("again")) return;
    if (boughtIn(history, this.#attribute("sku"), this.#pin) !== undefined) this.#become("paid");
  }

  #become(state: PayState): void {
    this.#state = state;
    this.#draw();
    this.dispatchEvent(new CustomEvent("lepta-state", { ...travelling, detail: { state } }));
  }

  #draw(): void {
    const about = this.#attribute("about");
    const price = this.#attribute("price");
    const shown = price === "" ? "" : money(price);
    const isAgain = this.hasAttribute("again");
    const label: Readonly<Record<PayState, string>> = {
      idle: `Buy · ${shown}`,
      paying: "Paying …",
      paid: isAgain ? `Buy again · ${shown}` : "Paid · show again",
      failed: `Try again · ${shown}`,
    };
    this.#button.setAttribute("aria-disabled", `${this.#state === "paying"}`);
    this.#button.classList.toggle("main", this.#state !== "paid" || isAgain);
    this.#button.replaceChildren(
      label[this.#state],
      ...(about === "" ? [] : [make("span", { class: "hidden" }, ` ${about}`)]),
    );
    if (this.getAttribute("state") !== this.#state) this.setAttribute("state", this.#state);
  }

  #attribute(name: string): string {
    return this.getAttribute(name) ?? "";
  }
}

/** Purchases of this page that are waited for, by their price. */
const flying = new Map<string, number>();

/** Counts a purchase in, and when it has ended out. */
function takeOff(price: string): () => void {
  const change = (by: number): void => {
    flying.set(price, (flying.get(price) ?? 0) + by);
  };
  change(1);
  return () => change(-1);
}

const travelling = { bubbles: true, composed: true, cancelable: true } as const;

type History = WalletState["history"];

/** The transaction in which this was bought, from this merchant; one that is not known has sold nothing. */
const boughtIn = (history: History, sku: string, merchant: string | undefined): string | undefined =>
  history.find(
    (each) =>
      each.kind === "purchase" &&
      each.outcome === "done" &&
      each.sku === sku &&
      merchant !== undefined &&
      each.merchant === merchant,
  )?.txn;

const ignoreHere = (): void => {};

const looks = sheet(`
:host { display: block; }
button { white-space: nowrap; font-variant-numeric: tabular-nums; min-width: 8.5rem; }
.fault { text-align: start; }
img { max-width: 100%; }
`);
