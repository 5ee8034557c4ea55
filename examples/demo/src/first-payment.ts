/** A first payment on a broker that `npm start` runs: a merchant and a wallet in one program. */
import { parseArgs } from "node:util";
import { formatAmount, LeptaError, Merchant, Wallet } from "@lepta/peer-sdk";

const { positionals } = parseArgs({ allowPositionals: true });
const [broker] = positionals;

if (broker === undefined || positionals.length > 1) {
  process.stderr.write('Usage: npm run first-payment -- "<address of the broker, as npm start prints it>"\n');
  process.exitCode = 2;
} else {
  await pay(broker).catch((error: unknown) => {
    if (!(error instanceof LeptaError)) throw error;
    process.stderr.write(`lepta: ${error.code}: ${error.message}\n`);
    process.exitCode = 1;
  });
}

async function pay(broker: string): Promise<void> {
  const merchant = await Merchant.open({
    dir: ".lepta/merchant",
    broker,
    catalogue: { "article-17": { price: "EUR 0.02", deliver: async () => "The whole story." } },
  });
  try {
    const { url } = await merchant.serve();
    const wallet = await Wallet.open({ dir: ".lepta/wallet", broker });
    try {
      await wallet.topUp("EUR 5.00");
      const { goods, receipt } = await wallet.buy(url, "article-17", { max: "EUR 0.05" });
      const { brokerScrip, vendorScrip } = await wallet.balance();
      const held = vendorScrip.map(({ amount }) => amount).join(" and ");
      process.stdout.write(
        `Bought   ${receipt.order.sku}: "${goods.text()}"\n` +
          `Paid     ${formatAmount(receipt.charged)}\n` +
          `Balance  ${brokerScrip} of BrokerScrip, ${held} of VendorScrip\n`,
      );
    } finally {
      // Closes the lane: both sign a statement, which the merchant hands to the broker.
      await wallet.close();
    }
    await merchant.flushNotices();
  } finally {
    await merchant.close();
  }
}
