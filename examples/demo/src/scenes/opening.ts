/** Everybody enrols: a customer with a wallet, two merchants with a shop each. */
import { Merchant, Peer, Wallet } from "@lepta/peer-sdk";
import type { Stage } from "../stage.ts";

export interface Customer {
  readonly name: string;
  readonly wallet: Wallet;
}

export interface Seller {
  readonly name: string;
  readonly url: string;
  readonly merchant: Merchant;
}

export interface Cast {
  readonly clara: Customer;
  /** A peer that can also pay: it will buy from Clara. */
  readonly news: Seller & { readonly wallet: Wallet };
  readonly radio: Seller;
}

/** Opens the two shops and the customer's wallet. */
export async function opening(stage: Stage): Promise<Cast> {
  const { teller, cloud } = stage;
  teller.scene("Everybody enrols");
  teller.say(`  The broker listens on ${cloud.url}, suite ${stage.suite.name}.`);
  teller.say(`  Its root key, which everybody pins: ${cloud.network}`);
  const news = await openNews(stage);
  const radio = await openRadio(stage);
  const clara = await openClara(stage);
  for (const { name, url, merchant } of [news, radio])
    teller.say(`  ${name} sells at ${url}, as ${merchant.uid}.`);
  teller.say(`  Clara has a wallet, as ${clara.wallet.uid}.`);
  return { clara, news, radio };
}

async function openNews(stage: Stage): Promise<Cast["news"]> {
  const name = "Acropolis News";
  const store = stage.openStore("news");
  const peer = await Peer.open({
    store,
    broker: stage.cloud.pinnedUrl,
    suite: stage.suite,
    catalogue: {
      article: { price: "EUR 0.02", description: "One article", deliver: () => "Small change, big ideas." },
      headline: { price: "EUR 0.0005", description: "One headline", deliver: () => "Rain in Athens" },
      dossier: { price: "EUR 0.20", description: "A dossier", deliver: () => new Uint8Array(20_000) },
      tick: { price: "EUR 0.000001", description: "The least there is", deliver: () => "tick" },
    },
  });
  stage.atEnd(() => peer.close());
  const { uid, merchant, wallet } = peer;
  stage.enter({ name, uid, store, merchant, wallet });
  const { url } = await merchant.serve();
  return { name, url, merchant, wallet };
}

async function openRadio(stage: Stage): Promise<Seller> {
  const name = "Kosmos Radio";
  const store = stage.openStore("radio");
  const merchant = await Merchant.open({
    store,
    broker: stage.cloud.pinnedUrl,
    suite: stage.suite,
    catalogue: { song: { price: "EUR 0.03", description: "One song", deliver: () => new Uint8Array(1000) } },
  });
  stage.atEnd(() => merchant.close());
  stage.enter({ name, uid: merchant.uid, store, merchant });
  const { url } = await merchant.serve();
  return { name, url, merchant };
}

async function openClara(stage: Stage): Promise<Customer> {
  const name = "Clara";
  const store = stage.openStore("clara");
  const wallet = await Wallet.open({ store, broker: stage.cloud.pinnedUrl, suite: stage.suite });
  stage.enter({ name, uid: wallet.uid, store, wallet });
  stage.atEnd(() => wallet.close());
  return { name, wallet };
}
