/** Figure 8, obtain VendorScrip: part of the BrokerScrip becomes scrip of each merchant. */
import type { Stage } from "../stage.ts";
import type { Cast } from "./opening.ts";

export async function obtainVendorScrip({ teller }: Stage, { clara, news, radio }: Cast): Promise<void> {
  teller.scene("Figure 8: obtain VendorScrip");
  await obtain(news.url, news.name, "EUR 0.500001");
  await obtain(radio.url, radio.name, "EUR 0.20");
  const { brokerScrip, vendorScrip } = await clara.wallet.balance();
  const amounts = vendorScrip.map(({ amount }) => amount).sort();
  teller.expect(
    `Clara holds ${brokerScrip} of BrokerScrip and ${amounts.join(" and ")} of VendorScrip`,
    brokerScrip === "EUR 4.299999" && amounts.join() === "EUR 0.20,EUR 0.500001",
  );

  async function obtain(url: string, name: string, amount: string): Promise<void> {
    await clara.wallet.obtain(url, amount);
    teller.say(`  Clara turns ${amount} into VendorScrip of ${name}.`);
  }
}
