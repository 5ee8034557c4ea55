/** Figure 7, buy item: many cheap ones at once, a dear one, with change down to the last unit, and never more than the wallet allows. */
import { LeptaError, type Wallet } from "@lepta/peer-sdk";
import type { Stage } from "../stage.ts";
import { euros } from "../teller.ts";
import type { Cast, Seller } from "./opening.ts";

/** How many purchases at once, and of how many headlines each: both suites buy 200 in all, but RSA takes its time. */
const AT_ONCE = { default: [200, 1], "figure-4": [20, 10] } as const;
const ARTICLES = 10;
const SONGS = 3;

export interface BoughtAtOnce {
  /** Their names, in the order in which they were asked for. */
  readonly purchases: readonly string[];
  readonly milliseconds: number;
}

export async function buyItems(stage: Stage, { clara, news, radio }: Cast): Promise<BoughtAtOnce> {
  const { teller } = stage;
  teller.scene("Figure 7: buy items");
  const { wallet } = clara;
  const left = async ({ merchant: { uid } }: Seller): Promise<string> =>
    (await wallet.balance()).vendorScrip.find(({ merchant }) => merchant === uid)?.amount ?? "nothing";

  const atOnce = await buyHeadlines(stage, wallet, news);
  await wallet.buy(news.url, "dossier", { max: "EUR 0.20" });
  teller.bought();
  teller.say(`  A dossier for EUR 0.20, so dear that both sign for it alone: ${await left(news)} left`);
  for (let article = 1; article <= ARTICLES; article += 1) {
    await wallet.buy(news.url, "article", { max: "EUR 0.02" });
    teller.bought();
  }
  teller.say(`  ${ARTICLES} articles for EUR 0.02 each, one after the other: ${await left(news)} left`);
  const { goods } = await wallet.buy(news.url, "tick", { max: "EUR 0.000001" });
  teller.bought();
  const rest = await left(news);
  teller.expect(`the last EUR 0.000001 buys a "${goods.text()}", and ${rest} is left`, rest === "nothing");

  for (let song = 1; song <= SONGS; song += 1) {
    await wallet.buy(radio.url, "song", { max: "EUR 0.03" });
    teller.bought();
  }
  const change = await left(radio);
  teller.expect(`${SONGS} songs for EUR 0.03 each of ${radio.name}: ${change} left`, change === "EUR 0.11");

  const tooDear = await wallet.buy(radio.url, "song", { max: "EUR 0.02" }).then(
    () => "bought",
    (error: unknown) => (error instanceof LeptaError ? error.code : String(error)),
  );
  teller.expect(`a song with "max" EUR 0.02 is not bought: ${tooDear}`, tooDear === "over-max");
  return atOnce;
}

/** Nobody waits for the one before: on a lane they are under way together. */
async function buyHeadlines({ teller, suite }: Stage, wallet: Wallet, news: Seller): Promise<BoughtAtOnce> {
  const [times, quantity] = AT_ONCE[suite.name];
  const price = euros(500n * BigInt(quantity));
  const before = performance.now();
  const bought = await Promise.all(
    Array.from({ length: times }, () => wallet.buy(news.url, "headline", { max: price, quantity })),
  );
  const milliseconds = Math.round(performance.now() - before);
  for (const _ of bought) teller.bought();
  const perSecond = Math.round((times / milliseconds) * 1000);
  const what =
    quantity === 1
      ? `${times} headlines for ${price} each`
      : `${times} times ${quantity} headlines for ${price}`;
  teller.say(`  ${what} of ${news.name}, all at once: ${milliseconds} ms, ${perSecond} a second.`);
  teller.say(
    suite.name === "default"
      ? "  They go through a lane: no signature for each, one statement of both over them all."
      : `  The suite ${suite.name} has no sessions: both sign each purchase, one after the other.`,
  );
  return { purchases: bought.map(({ receipt }) => receipt.txn), milliseconds };
}
