/** A user's program, for the compiler: it is checked against the installed declarations and never runs. */
import { type Goods, LeptaError, Merchant, Peer, type Receipt, Wallet } from "@lepta/peer-sdk";
import { figure4Suite } from "@lepta/peer-sdk/suite/figure-4";
import { errors, type Payload, type purchaseResponse, type Suite } from "@lepta/protocol";

const broker = "https://pay.example.org#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const suite: Suite = figure4Suite;

export async function read(dir: string): Promise<string> {
  const wallet = await Wallet.open({ dir, broker, suite });
  try {
    const bought = await wallet.buy("wss://news.example.org/pay", "article-17", { max: "EUR 0.05" });
    const goods: Goods = bought.goods;
    const receipt: Receipt = bought.receipt;
    const charged: bigint = receipt.charged.value;
    return `${goods.text()} ${charged}`;
  } catch (error) {
    return error instanceof LeptaError ? errors[error.code].meaning : "";
  } finally {
    await wallet.close();
  }
}

export const sell = (dir: string): Promise<Merchant> =>
  Merchant.open({ dir, broker, catalogue: { page: { price: "EUR 0.02", deliver: ({ sku }) => sku } } });

export const both = (dir: string): Promise<Peer> => Peer.open({ dir, broker, catalogue: {} });

export const charged = (response: Payload<typeof purchaseResponse>): bigint => response.charged.value;

// The declarations are there and are no `any`: what is wrong is seen to be wrong.
// @ts-expect-error A wallet needs a broker.
export const nowhere = Wallet.open({ dir: "." });
// @ts-expect-error A price is a text.
export const cheap = { price: 2, deliver: () => "" } satisfies import("@lepta/peer-sdk").CatalogueItem;
