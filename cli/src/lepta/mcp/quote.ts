/** The tool `quote`: what something costs, from those who sell it, without paying. */
import {
  type Amount,
  formatAmount,
  LeptaError,
  limits,
  multiply,
  orThrow,
  parseAmount,
} from "@lepta/protocol";
import type { AgentWallet } from "./agent-wallet.ts";
import type { Item, Page, Place } from "./arguments.ts";
import type { AgentConfiguration } from "./configuration.ts";
import type { ToolAnswer } from "./content.ts";
import { ofWallet } from "./fault.ts";
import { listedMerchant } from "./listed-merchant.ts";
import { visit } from "./pages.ts";
import { plain } from "./plain.ts";

/** Throws a `ToolFault`. */
export async function quoteFor(
  wallet: AgentWallet,
  configuration: AgentConfiguration,
  place: Place,
  signal: AbortSignal,
): Promise<ToolAnswer> {
  try {
    if ("url" in place) return { facts: await quotePage(wallet, configuration, place, signal) };
    return { facts: await quoteItem(wallet, configuration, place) };
  } catch (error) {
    throw ofWallet(error, "nothing-paid");
  }
}

async function quotePage(
  wallet: AgentWallet,
  configuration: AgentConfiguration,
  page: Page,
  signal: AbortSignal,
): Promise<object> {
  const { answer, url } = await visit(
    configuration.hosts,
    page,
    signal,
    (request) => wallet.quote(request),
    (quote) => quote,
  );
  const { status, price, seller, description } = answer;
  return {
    url,
    status,
    price: price ?? null,
    ...(price === undefined ? {} : judged(configuration, parseAmount(price))),
    sellerSays: {
      name: seller === undefined ? null : plain(seller, limits.descriptionLength),
      description: description === undefined ? null : plain(description, limits.descriptionLength),
    },
  };
}

async function quoteItem(
  wallet: AgentWallet,
  configuration: AgentConfiguration,
  { merchant: address, sku, quantity }: Item,
): Promise<object> {
  const merchant = listedMerchant(configuration, address);
  const item = (await wallet.offers(merchant, sku)).find((each) => each.sku === sku);
  if (item === undefined) throw new LeptaError("unknown-item", sku);
  const price = orThrow(multiply(parseAmount(item.price), quantity));
  return {
    merchant,
    sku,
    quantity,
    unitPrice: item.price,
    price: formatAmount(price),
    ...judged(configuration, price),
    sellerSays: { description: plain(item.description, limits.descriptionLength) },
  };
}

/** Whether one payment may be so much. What is left of the day is in the balance. */
const judged = ({ max }: AgentConfiguration, price: Amount): object => ({
  isWithinMax: price.currency === max.currency && price.value <= max.value,
});
