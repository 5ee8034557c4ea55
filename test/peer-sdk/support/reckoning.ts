/** When all is over, a wallet and a merchant that dealt on lanes say the same: nothing was paid twice, sold twice or lost. */
import type { Merchant, Wallet } from "@lepta/peer-sdk";
import { formatAmount, isRefusal, parseAmount, verifyReceipt } from "@lepta/protocol";
import { expect } from "vitest";
import type { World } from "./world.ts";

/** What is under way has its answers. */
async function settled(wallet: Wallet): Promise<void> {
  for (let turn = 0; turn < 200 && (await wallet.pending()).length > 0; turn += 1) {
    if (turn % 20 === 0) await wallet.resume();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await wallet.pending()).toEqual([]);
}

export interface Dealings {
  readonly world: World;
  readonly wallet: Wallet;
  readonly merchant: Merchant;
  readonly url: string;
  /** The ids under which goods were made. */
  readonly made: ReadonlySet<string>;
  /** Of each purchase, and all that was put into the wallet. */
  readonly price: string;
  readonly paidIn: string;
}

/** Closes what is open, gives back what is left, and compares. */
export async function reckon(dealings: Dealings): Promise<void> {
  const { world, wallet, merchant, url, made, price, paidIn } = dealings;
  await settled(wallet);
  const bought = (await wallet.history())
    .filter(({ kind, outcome }) => kind === "purchase" && outcome === "done")
    .map(({ txn }) => txn);
  const sold = (await merchant.sales()).filter(({ ok }) => ok).map(({ txn }) => txn);
  expect([...sold].sort()).toEqual([...bought].sort());
  expect(new Set(bought).size).toBe(bought.length);
  for (const txn of bought) expect(made).toContain(`${wallet.uid}/${txn}`);
  await wallet.refund(url);
  const spent = BigInt(bought.length) * parseAmount(price).value;
  const { brokerScrip, vendorScrip } = await wallet.balance();
  expect(vendorScrip).toEqual([]);
  const { currency, value } = parseAmount(paidIn);
  expect(brokerScrip).toBe(formatAmount({ currency, value: value - spent }));
  expect(await merchant.books(currency)).toMatchObject({ sold: spent, liveVendorScrip: 0n });
  for (const txn of bought) {
    const read = await verifyReceipt(await wallet.receipt(txn), world.network);
    expect(isRefusal(read) ? read.code : read.txn).toBe(txn);
  }
  expect(world.faults).toEqual([]);
}
