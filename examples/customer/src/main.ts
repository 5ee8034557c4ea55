/**
 * A customer: three purchases with `fetch`, and what is left of the money. With the shop of `examples/merchant` in another terminal:
 *
 *     node tools/run.mjs examples/customer/src/main.ts
 *
 * Its wallet is in `.lepta/customer`.
 */
import { setTimeout } from "node:timers/promises";
import { Wallet } from "@lepta/peer-sdk";

const { LEPTA_BROKER: broker = "http://127.0.0.1:8787", LEPTA_SHOP: shop = "http://127.0.0.1:3000" } =
  process.env;

const wallet = await Wallet.open({ dir: ".lepta/customer", broker });
try {
  // Play money, where the broker is the embedded one.
  await wallet.topUp("EUR 1.00");

  // A fetch that pays what asks for payment, and never more than this, nor elsewhere. Everything else is as with `fetch`.
  const pay = wallet.fetch({ max: "EUR 0.25", perDay: "EUR 5.00", hosts: [new URL(shop).host] });

  await show("The story", await pay(`${shop}/story`));
  await show("The film", await pay(`${shop}/film`));
  await show(
    "An answer",
    await pay(`${shop}/ask`, {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: "What is money?",
    }),
  );

  // What is sold by the word has its price when it has ended: the shop says so a moment after the last word.
  for (let i = 0; i < 100 && (await wallet.pending()).length > 0; i += 1) await setTimeout(50);
  const history = await wallet.history();
  const bought = history.filter(({ kind, outcome }) => kind === "purchase" && outcome === "done").slice(-3);
  for (const { sku, amount, txn } of bought) process.stdout.write(`${amount}  ${sku}  ${txn}\n`);
  const { brokerScrip, vendorScrip } = await wallet.balance();
  const atShops = vendorScrip.map(({ amount }) => amount).join(" and ");
  process.stdout.write(`Left: ${brokerScrip ?? "nothing"} in the wallet, ${atShops} at the shop\n`);
} finally {
  // Signs for what was bought together. What is left at the shop buys something the next time.
  await wallet.close();
}

async function show(name: string, answer: Response): Promise<void> {
  const text = (await answer.text()).trim();
  if (!answer.ok) throw new Error(`${name}: HTTP status ${answer.status}: ${text}`);
  // The shop's word that this was paid for; what proves it to others is `wallet.receipt(reference)`.
  const header = answer.headers.get("payment-receipt") ?? "";
  const { reference } = JSON.parse(Buffer.from(header, "base64url").toString());
  process.stdout.write(`${name}: ${text}\n  receipt ${reference}\n`);
}
