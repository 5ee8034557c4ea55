/** Mallory attacks as a customer: copies, alters and steals scrip, and shows it by hand. */
import { memoryPeerStore, Wallet } from "@lepta/peer-sdk";
import { type Order, parseAmount } from "@lepta/protocol";
import { bodyOf, type Holding, readPurse, readVendorScrip } from "../records.ts";
import { Rogue, type Shop } from "../rogue.ts";
import type { Stage } from "../stage.ts";
import { euros } from "../teller.ts";
import { asIs, buyWith, obtainWith, raised } from "../tricks.ts";
import type { Cast } from "./opening.ts";

// Mallory orders real items at their real prices: nothing is wrong but the scrip.
const article: Order = {
  sku: "article",
  description: "One article",
  unitPrice: parseAmount("EUR 0.02"),
  quantity: 1,
};
const song: Order = { ...article, sku: "song", description: "One song", unitPrice: parseAmount("EUR 0.03") };
const tenCents = parseAmount("EUR 0.10");

/** Mallory's means: enrolled keys, connections to both merchants, and scrip, spent and live. */
interface Attacker {
  readonly rogue: Rogue;
  readonly newsShop: Shop;
  readonly radioShop: Shop;
  readonly spent: { readonly brokerScrip: Holding; readonly vendorScrip: Holding };
  readonly live: { readonly brokerScrip: Holding; readonly vendorScrip: Holding };
}

/** Mounts the attacks of a customer; returns the rogue, whom another may need as an accomplice. */
export async function attackAsCustomer(stage: Stage, cast: Cast): Promise<Rogue> {
  stage.teller.scene("Attacks of a customer");
  const mallory = await enterMallory(stage, cast);
  await spendTwice(stage, cast, mallory);
  await spendElsewhere(stage, cast, mallory);
  await raiseValues(stage, cast, mallory);
  await spendStolen(stage, cast, mallory);
  return mallory.rogue;
}

async function enterMallory(stage: Stage, { news, radio }: Cast): Promise<Attacker> {
  const { teller, cloud, suite } = stage;
  const store = memoryPeerStore();
  const wallet = await Wallet.open({ store, broker: cloud.pinnedUrl, suite });
  stage.atEnd(() => wallet.close());
  stage.enter({ name: "Mallory", uid: wallet.uid, store, wallet });
  const inStore = async () => ({
    brokerScrip: given(await readPurse(store)),
    vendorScrip: given((await readVendorScrip(store, news.merchant.uid))[0]),
  });
  await wallet.topUp("EUR 2.00");
  const brokerScrip = given(await readPurse(store));
  await wallet.obtain(news.url, "EUR 0.10");
  const { vendorScrip } = await inStore();
  await wallet.buy(news.url, "article", { max: "EUR 0.02", signature: "each" });
  teller.bought();
  teller.say(`  Mallory tops up EUR 2.00, turns EUR 0.10 into VendorScrip of ${news.name}, buys an article,`);
  teller.say("  and keeps copies of all his scrip with its CustomerSecrets.");
  const rogue = await Rogue.open(store, cloud.url, suite);
  const newsShop = await rogue.meet(news.url);
  const radioShop = await rogue.meet(radio.url);
  stage.atEnd(async () => {
    newsShop.channel.close();
    radioShop.channel.close();
  });
  return { rogue, newsShop, radioShop, spent: { brokerScrip, vendorScrip }, live: await inStore() };
}

async function spendTwice(
  { teller }: Stage,
  { news, radio }: Cast,
  { rogue, newsShop, radioShop, spent }: Attacker,
): Promise<void> {
  teller.attack(
    "The same VendorScrip spent twice: the copy of what has bought the article buys another.",
    news.name,
    await buyWith(rogue, newsShop, asIs(spent.vendorScrip), article),
    "scrip-spent",
  );
  const { fromBroker, fromMerchant } = await obtainWith(rogue, radioShop, asIs(spent.brokerScrip), tenCents);
  teller.attack(
    `The same BrokerScrip spent twice: at ${news.name}, and its copy at ${radio.name}.`,
    "the broker",
    fromBroker,
    "scrip-spent",
  );
  teller.expect(
    `${radio.name} is told no reason, only "${fromMerchant.code}"`,
    !fromMerchant.ok && fromMerchant.signed && fromMerchant.code === "refused",
  );
}

async function spendElsewhere(
  { teller }: Stage,
  { news, radio }: Cast,
  { rogue, radioShop, live }: Attacker,
): Promise<void> {
  teller.attack(
    `Spent at the wrong merchant: live VendorScrip of ${news.name}, shown to ${radio.name}.`,
    radio.name,
    await buyWith(rogue, radioShop, asIs(live.vendorScrip), song),
    "wrong-issuer",
  );
}

async function raiseValues(
  { teller }: Stage,
  { news }: Cast,
  { rogue, newsShop, radioShop, live }: Attacker,
): Promise<void> {
  const thousandfold = (held: Holding): bigint => bodyOf(held).value.value * 1000n;
  const worth = (held: Holding): string =>
    `of ${euros(bodyOf(held).value.value)} that says ${euros(thousandfold(held))}`;
  const { vendorScrip, brokerScrip } = live;
  teller.attack(
    `A value raised: VendorScrip ${worth(vendorScrip)}.`,
    news.name,
    await buyWith(rogue, newsShop, raised(vendorScrip, thousandfold(vendorScrip)), article),
    "scrip-forged",
  );
  const dearer = raised(brokerScrip, thousandfold(brokerScrip));
  teller.attack(
    `A value raised: BrokerScrip ${worth(brokerScrip)}.`,
    "the broker",
    (await obtainWith(rogue, radioShop, dearer, tenCents)).fromBroker,
    "scrip-forged",
  );
}

async function spendStolen(
  stage: Stage,
  { clara, radio }: Cast,
  { rogue, radioShop }: Attacker,
): Promise<void> {
  const { teller } = stage;
  const { store } = stage.accountOf(clara.wallet.uid);
  const vendorScrip = given((await readVendorScrip(store, radio.merchant.uid))[0]);
  const brokerScrip = given(await readPurse(store));
  teller.attack(
    "Another peer's scrip: Clara's VendorScrip, stolen from her disk with its CustomerSecret.",
    radio.name,
    await buyWith(rogue, radioShop, asIs(vendorScrip), song),
    "not-owner",
  );
  teller.attack(
    "Another peer's scrip: Clara's BrokerScrip, stolen likewise.",
    "the broker",
    (await obtainWith(rogue, radioShop, asIs(brokerScrip), tenCents)).fromBroker,
    "not-owner",
  );
}

function given(held: Holding | undefined): Holding {
  if (held === undefined) throw new Error("there is no such scrip in the store");
  return held;
}
