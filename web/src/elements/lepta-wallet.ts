/** `<lepta-wallet>`: what the page's wallet holds, what is under way, and what was; and a way to fill it. */
import { LeptaError, parseAmount } from "@lepta/peer-sdk";
import { money, sumOf } from "../locale.ts";
import { button, make } from "../make.ts";
import type { PageWallet } from "../page-wallet.ts";
import { providedWallet } from "../provide.ts";
import { type WalletState, watchState } from "../wallet-state.ts";
import { faultOf } from "./fault.ts";
import { HistoryList } from "./history-list.ts";
import { pendingList } from "./pending-list.ts";
import { sheet } from "./sheet.ts";
import { topUpForm } from "./top-up-form.ts";
import { twelveWords } from "./twelve-words.ts";
import { looks } from "./wallet-looks.ts";

/** What things are called, by a merchant's UID or an item's name; where nothing is said they stand as they are. */
export type Names = Readonly<Record<string, string>>;

/** Attributes: `heading`, `"Wallet"` by default; `currency`, of what is topped up before the wallet holds anything, EUR by default. */
export class LeptaWallet extends HTMLElement {
  /** The wallet that is shown; the page's one where nothing is said. */
  wallet: PageWallet | undefined;
  #names: Names = {};
  #state: WalletState | undefined;
  #unwatch: (() => void) | undefined;
  readonly #total = make("p", { class: "total" }, "…");
  readonly #parts = make("dl", { class: "parts" });
  readonly #words = make("div");
  readonly #pending = make("div");
  readonly #told = make("div", { role: "status", class: "told" });
  readonly #topUp = make("div");
  readonly #history = new HistoryList((work, done) => this.#try(work, done));

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet(looks)];
  }

  get names(): Names {
    return this.#names;
  }

  set names(names: Names) {
    this.#names = names;
    if (this.#state !== undefined) this.#show(this.#state);
  }

  connectedCallback(): void {
    this.shadowRoot?.replaceChildren(
      make("h2", { id: "heading" }, this.getAttribute("heading") ?? "Wallet"),
      this.#total,
      this.#parts,
      this.#topUp,
      this.#told,
      this.#words,
      this.#pending,
      this.#history.element,
    );
    const asked = this.wallet === undefined ? providedWallet : Promise.resolve(this.wallet);
    asked.then(
      (wallet) => this.isConnected && this.#open(wallet),
      (error: unknown) => this.#say(faultOf(error)),
    );
  }

  disconnectedCallback(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  #open(wallet: PageWallet): void {
    this.wallet = wallet;
    this.#unwatch?.();
    this.#unwatch = watchState(
      wallet,
      (state) => this.#show(state),
      (error) => this.#say(faultOf(error)),
    );
    const fill = (amount: string) => this.#fill(wallet, amount);
    this.#topUp.replaceChildren(topUpForm(() => this.#currency, fill));
    twelveWords(wallet).then(
      (element) => this.#words.replaceChildren(...(element === undefined ? [] : [element])),
      (error: unknown) => this.#say(faultOf(error)),
    );
  }

  /**
   * Tops up, unless an earlier top-up has no answer: that one is brought to its end first. Who presses again because nothing came
   * wants one of them, not two.
   */
  async #fill(wallet: PageWallet, amount: string): Promise<void> {
    const isOpen = async (): Promise<boolean> =>
      (await wallet.pending()).some(({ kind }) => kind === "topup");
    let said = `Topped up: ${money(amount)}.`;
    await this.#try(
      async () => {
        if (!(await isOpen())) return wallet.topUp(amount);
        await wallet.resume();
        if (await isOpen()) throw new LeptaError("pending");
        said = "The earlier top-up has ended: the history tells how. Press again for another one.";
      },
      () => said,
    );
  }

  get #currency(): string {
    const text = this.#state?.balance.brokerScrip;
    return text === undefined ? (this.getAttribute("currency") ?? "EUR") : parseAmount(text).currency;
  }

  #show(state: WalletState): void {
    const { wallet } = this;
    if (wallet === undefined) return;
    this.#state = state;
    const { brokerScrip, vendorScrip } = state.balance;
    const nothing = `${this.#currency} 0.00`;
    const all = [brokerScrip ?? nothing, ...vendorScrip.map(({ amount }) => amount)];
    this.#total.replaceChildren(money(sumOf(all) ?? nothing), make("span", {}, " to spend"));
    this.#parts.replaceChildren(
      part("At the broker", brokerScrip ?? nothing),
      ...vendorScrip.map(({ merchant, amount }) => part(`At ${this.#nameOf(merchant)}`, amount)),
    );
    this.#pending.replaceChildren(
      ...pendingList(
        state.pending,
        (merchant) => this.#nameOf(merchant),
        () =>
          this.#try(
            () => wallet.resume(),
            () => "Asked again.",
          ),
      ),
    );
    this.#history.show(wallet, state.history, (name) => this.#nameOf(name));
  }

  #nameOf(name: string): string {
    const known = Object.hasOwn(this.#names, name) ? this.#names[name] : undefined;
    return known ?? (name.length > LONGEST_NAME ? `${name.slice(0, 8)}…` : name);
  }

  /** Does something that may fail, and says how it went. */
  async #try(work: () => Promise<unknown>, done: () => string): Promise<void> {
    try {
      await work();
      this.#say(make("p", {}, done()));
    } catch (error) {
      this.#say(faultOf(error));
    }
  }

  #say(told: HTMLElement): void {
    const dismiss = button("Dismiss", { class: "small" }, () => this.#told.replaceChildren());
    this.#told.replaceChildren(told, dismiss);
  }
}

/** A merchant's UID is longer; an item's name may be as long. */
const LONGEST_NAME = 42;

const part = (name: string, amount: string): HTMLElement =>
  make("div", {}, make("dt", {}, name), make("dd", {}, money(amount)));
