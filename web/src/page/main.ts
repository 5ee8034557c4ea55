/** The page of `lepta dev`: storefront, wallet, and the messages between them as they pass. */
import type { PassedMessage } from "@lepta/peer-sdk";
import type { LeptaWallet } from "../elements/lepta-wallet.ts";
import { defineElements } from "../index.ts";
import { money, sumOf } from "../locale.ts";
import { make } from "../make.ts";
import type { PageConfig } from "../page-config.ts";
import { provideWallet } from "../provide.ts";
import { type WalletState, watchState } from "../wallet-state.ts";
import { adviceOn } from "../words.ts";
import { inspector } from "./inspection.ts";
import { listen } from "./listen.ts";
import { openPageWallet, welcome } from "./open-wallet.ts";
import { panel } from "./panel.ts";
import { type Parties, Runs } from "./runs.ts";
import { sequence } from "./sequence.ts";
import { storefront } from "./storefront.ts";

const notice = byId("notice");
defineElements();
start().catch((error: unknown) => {
  const { what, todo, code } = adviceOn(error);
  notice.textContent = `${what} ${todo} (${code})`;
});

async function start(): Promise<void> {
  const answer = await fetch("/config.json");
  if (!answer.ok) throw new Error(`the page's server answered ${answer.status}`);
  const { broker, merchant, articles }: PageConfig = await answer.json();
  const [, network = ""] = broker.split("#");
  const [, seller = ""] = merchant.split("#");

  byId("shelf").replaceChildren(...storefront(articles, merchant));
  const element = document.querySelector("lepta-wallet") as LeptaWallet;
  element.names = {
    [seller]: "The Daily Obol",
    ...Object.fromEntries(articles.map(({ sku, title }) => [sku, title])),
  };

  const tell = showMessages(broker, { broker: network, merchant: seller });
  const wallet = openPageWallet(broker, tell.passed, () => {
    notice.textContent = "The broker cannot be reached. Trying again …";
  });
  provideWallet(wallet);
  const opened = await wallet;
  tell.own(opened.uid);
  notice.textContent = "";
  watchState(opened, showBalance, () => {
    // The wallet's own element says what is wrong.
  });
  await welcome(opened);
}

function showBalance({ balance: { brokerScrip, vendorScrip } }: WalletState): void {
  const all = [
    ...(brokerScrip === undefined ? [] : [brokerScrip]),
    ...vendorScrip.map(({ amount }) => amount),
  ];
  const sum = sumOf(all);
  byId("balance").textContent = sum === undefined ? "" : money(sum);
}

/** Draws what the wallet and the merchant tell. */
function showMessages(broker: string, parties: Parties) {
  const runs = new Runs(parties);
  const shown = panel(inspector(broker));
  const drawn = sequence((message) => void shown.show(message));
  byId("diagram").replaceChildren(drawn.element, shown.element);
  let own: string | undefined;
  let isDue = false;
  // Many messages of one moment are drawn together.
  const drawSoon = (): void => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      drawn.show(runs, own);
    });
  };
  const passed = (message: PassedMessage): void => {
    if (runs.add(message)) drawSoon();
  };
  const relay = listen(passed);
  return {
    passed: (message: PassedMessage) => {
      passed(message);
      relay(message);
    },
    own: (uid: string) => {
      own = uid;
      drawSoon();
    },
  };
}

function byId(id: string): HTMLElement {
  return document.getElementById(id) ?? document.body.appendChild(make("div", { id }));
}
