// One whole payment, told to nothing but the installed package: the broker's address stands in argv, the outcome goes to stdout.
import { Merchant, Wallet } from "@lepta/peer-sdk";

const [, , broker] = process.argv;
const merchant = await Merchant.open({
  dir: "merchant",
  broker,
  catalogue: {
    "article-17": { price: "EUR 0.02", deliver: () => "Small change makes small things possible." },
  },
});
const { url } = await merchant.serve();
const wallet = await Wallet.open({ dir: "wallet", broker });
await wallet.topUp("EUR 5.00");
const { goods, receipt } = await wallet.buy(url, "article-17", { max: "EUR 0.05", vendorScrip: "EUR 1.00" });
await wallet.flushNotices();
await merchant.flushNotices();

const { brokerScrip, vendorScrip } = await wallet.balance();
const [sale] = await merchant.sales();
console.log(
  JSON.stringify({
    goods: goods.text(),
    charged: String(receipt.charged.value),
    brokerScrip,
    vendorScrip: vendorScrip.map(({ amount }) => amount),
    sold: sale.charged,
  }),
);
await wallet.close();
await merchant.close();
