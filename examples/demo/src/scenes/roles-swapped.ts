/** The customer becomes a merchant, on the same identity, and goes on paying while it sells. */
import { Peer } from "@lepta/peer-sdk";
import type { Stage } from "../stage.ts";
import type { Cast, Customer } from "./opening.ts";

/** Clara opens a shop of her own and sells to the news; returns her as she is from then on. */
export async function swapRoles(stage: Stage, { clara, news, radio }: Cast): Promise<Customer> {
  const { teller } = stage;
  teller.scene("Roles swapped: Clara sells");
  const before = clara.wallet.uid;
  await clara.wallet.close();
  const store = stage.openStore("clara");
  const peer = await Peer.open({
    store,
    broker: stage.cloud.pinnedUrl,
    suite: stage.suite,
    catalogue: {
      photo: { price: "EUR 0.10", description: "A photograph", deliver: () => new Uint8Array(2000) },
    },
  });
  stage.atEnd(() => peer.close());
  const { uid, merchant, wallet } = peer;
  stage.enter({ name: clara.name, uid, store, merchant, wallet });
  const { url } = await merchant.serve();
  teller.say(`  Clara opens her directory again, now for both roles, and sells at ${url}.`);
  teller.expect("her UID is the one under which she paid", uid === before);

  await news.wallet.topUp("EUR 1.00");
  teller.say(`  ${news.name} tops up EUR 1.00 and buys two photographs while Clara buys a song.`);
  const photo = () => news.wallet.buy(url, "photo", { max: "EUR 0.10", vendorScrip: "EUR 0.30" });
  const song = () => wallet.buy(radio.url, "song", { max: "EUR 0.03" });
  for (const { receipt } of await Promise.all([photo(), photo(), song()])) {
    teller.say(`  ${receipt.order.sku}, transaction ${receipt.txn}`);
    teller.bought();
  }
  const sold = (await merchant.sales()).filter(({ ok, charged }) => ok && charged === "EUR 0.10").length;
  const { vendorScrip } = await news.wallet.balance();
  teller.expect(`Clara sold ${sold} photographs for EUR 0.10 each`, sold === 2);
  teller.expect(
    `${news.name} has ${vendorScrip[0]?.amount} of Clara's VendorScrip left`,
    vendorScrip[0]?.amount === "EUR 0.10",
  );
  return { name: clara.name, wallet };
}
