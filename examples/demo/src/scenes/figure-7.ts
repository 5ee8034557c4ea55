/** Figure 7, buy item: with change down to the last unit of one scrip, and never more than the wallet allows. */
import { LeptaError } from "@lepta/peer-sdk";
import type { Stage } from "../stage.ts";
import type { Cast } from "./opening.ts";

const ARTICLES = 25;

export async function buyItems({ teller }: Stage, { clara, news, radio }: Cast): Promise<void> {
  teller.scene("Figure 7: buy items");
  const { wallet } = clara;
  const left = async (uid: string): Promise<string> =>
    (await wallet.balance()).vendorScrip.find(({ merchant }) => merchant === uid)?.amount ?? "nothing";

  for (let bought = 1; bought <= ARTICLES; bought += 1) {
    await wallet.buy(news.url, "article", { max: "EUR 0.02" });
    teller.bought();
    if (bought === 1 || bought % 5 === 0)
      teller.say(`  ${bought} x article for EUR 0.02 of ${news.name}: ${await left(news.merchant.uid)} left`);
  }
  const { goods, receipt } = await wallet.buy(news.url, "headline", { max: "EUR 0.000001" });
  teller.bought();
  teller.say(`  A headline for the last EUR 0.000001: "${goods.text()}", transaction ${receipt.txn}`);
  const rest = await left(news.merchant.uid);
  teller.expect(`of the VendorScrip of ${news.name} Clara has ${rest} left`, rest === "nothing");

  for (let song = 1; song <= 3; song += 1) {
    await wallet.buy(radio.url, "song", { max: "EUR 0.03" });
    teller.bought();
  }
  const change = await left(radio.merchant.uid);
  teller.say(`  3 x song for EUR 0.03 of ${radio.name}: ${change} left`);
  teller.expect("the change is EUR 0.11", change === "EUR 0.11");

  const tooDear = await wallet.buy(radio.url, "song", { max: "EUR 0.02" }).then(
    () => "bought",
    (error: unknown) => (error instanceof LeptaError ? error.code : String(error)),
  );
  teller.expect(`a song with "max" EUR 0.02 is not bought: ${tooDear}`, tooDear === "over-max");
}
