/** Money comes back: what is left at a merchant into BrokerScrip again. */
import type { Stage } from "../stage.ts";
import type { Cast } from "./opening.ts";

export async function giveBack({ teller }: Stage, { clara, radio }: Cast): Promise<void> {
  teller.scene("Money comes back");
  const before = (await clara.wallet.balance()).brokerScrip;
  const returned = await clara.wallet.refund(radio.url);
  const after = (await clara.wallet.balance()).brokerScrip;
  teller.say(`  Clara gives ${radio.name} back what is left of its VendorScrip: ${returned}.`);
  teller.expect(
    `her BrokerScrip grows from ${before} to ${after}`,
    returned === "EUR 0.08" && before === "EUR 6.249999" && after === "EUR 6.329999",
  );
}
