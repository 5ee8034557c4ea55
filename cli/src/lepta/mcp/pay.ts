/** The tool `pay`: what was bought, what was charged for it, and the purchase's name. */
import type { HttpPayment, PaidResponse } from "@lepta/peer-sdk";
import { formatAmount, LeptaError } from "@lepta/protocol";
import type { AgentWallet } from "./agent-wallet.ts";
import type { Item, Page, Place } from "./arguments.ts";
import type { AgentConfiguration } from "./configuration.ts";
import { contentOf, labelOf, readBody, type ToolAnswer } from "./content.ts";
import { ofWallet } from "./fault.ts";
import { listedMerchant } from "./listed-merchant.ts";
import { visit } from "./pages.ts";

/** Throws a `ToolFault` that says whether money has moved. */
export function payFor(
  wallet: AgentWallet,
  configuration: AgentConfiguration,
  place: Place,
  signal: AbortSignal,
): Promise<ToolAnswer> {
  return "url" in place
    ? payPage(wallet, configuration, place, signal)
    : payItem(wallet, configuration, place);
}

async function payItem(
  wallet: AgentWallet,
  configuration: AgentConfiguration,
  { merchant, sku, quantity }: Item,
): Promise<ToolAnswer> {
  const { goods, receipt } = await wallet.buy(listedMerchant(configuration, merchant), sku, quantity);
  const content = contentOf(goods.type, goods.bytes);
  const { txn, charged } = receipt;
  return {
    facts: { charged: formatAmount(charged), txn, content: labelOf(content) },
    goods: content.text,
  };
}

async function payPage(
  wallet: AgentWallet,
  { hosts }: AgentConfiguration,
  page: Page,
  signal: AbortSignal,
): Promise<ToolAnswer> {
  // A page that was paid for may send on to one that is paid for, too.
  const payments: HttpPayment[] = [];
  const go = async (request: Request): Promise<PaidResponse> => {
    const paid = await wallet.fetch(request);
    if (paid.payment !== undefined) payments.push(paid.payment);
    return paid;
  };
  try {
    const { answer, url } = await visit(hosts, page, signal, go, ({ response }) => ({
      status: response.status,
      location: response.headers.get("location") ?? undefined,
    }));
    const content = await readBody(answer.response).catch(() => {
      throw new LeptaError("unreachable", "the answer broke off");
    });
    const { status } = answer.response;
    return {
      facts: { url, status, ...(await paidBy(payments)), content: labelOf(content) },
      goods: content.text,
    };
  } catch (error) {
    const last = payments.at(-1);
    throw last === undefined ? ofWallet(error) : ofWallet(error, "paid", last.txn);
  }
}

async function paidBy(payments: readonly HttpPayment[]): Promise<object> {
  const paid = await Promise.all(
    payments.map(async ({ txn, charged }) => ({
      charged: await charged().then(formatAmount, notKnown),
      txn,
    })),
  );
  if (paid.length > 1) return { payments: paid };
  return paid[0] ?? { charged: null, txn: null };
}

/** The answer has come, and the word on what it cost has not. */
const notKnown = (): string => "not known yet: call receipts";
