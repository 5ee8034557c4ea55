/** The tool `receipts`: the latest purchases, or one with its proof and what it brought. */
import type { HistoryEntry, PendingEntry } from "@lepta/peer-sdk";
import { formatAmount, isErrorCode, LeptaError, type VerifiedReceipt } from "@lepta/protocol";
import type { AgentWallet } from "./agent-wallet.ts";
import { contentOf, labelOf, type ToolAnswer } from "./content.ts";
import { ofWallet } from "./fault.ts";
import { plain } from "./plain.ts";

/** Throws a `ToolFault`. */
export async function showReceipts(
  wallet: AgentWallet,
  { txn }: { readonly txn?: string | undefined },
): Promise<ToolAnswer> {
  try {
    return txn === undefined ? await list(wallet) : await one(wallet, txn);
  } catch (error) {
    throw ofWallet(error, "nothing-paid");
  }
}

async function list(wallet: AgentWallet): Promise<ToolAnswer> {
  const ended = (await wallet.history()).filter(({ kind }) => kind === "purchase");
  const underWay = (await wallet.pending()).filter(({ kind }) => kind === "purchase");
  return {
    facts: {
      purchases: ended.slice(-LISTED).map(rowOf),
      underWay: underWay.slice(-LISTED).map(rowOf),
      ...(ended.length > LISTED ? { earlier: ended.length - LISTED } : {}),
    },
  };
}

async function one(wallet: AgentWallet, txn: string): Promise<ToolAnswer> {
  // It asks its merchant first, where its outcome is not known.
  const bought = await wallet.recall(txn);
  const open = (await wallet.pending()).find((each) => each.txn === txn);
  if (open !== undefined) {
    const note = "Not known yet: its seller has not answered. It counts as spent. Ask again later.";
    return { facts: { ...rowOf(open), note } };
  }
  const entry = (await wallet.history()).find((each) => each.txn === txn);
  if (entry === undefined) throw new LeptaError("wrong-reference");
  if (bought === undefined) return { facts: { ...rowOf(entry), note: "Nothing was charged." } };
  const content = contentOf(bought.goods.type, bought.goods.bytes);
  return {
    facts: { ...rowOf(entry), receipt: await proofOf(wallet, txn), content: labelOf(content) },
    goods: content.text,
  };
}

/** The file and what it proves; a purchase under a statement has none until both have signed that. */
async function proofOf(wallet: AgentWallet, txn: string): Promise<object> {
  try {
    const { file, facts } = await wallet.receipt(txn);
    const proves = factsOf(facts);
    if (file.length > FILE_BYTES) return { proves, file: null, note: "It is too long to be shown here." };
    return { proves, file: Buffer.from(file).toString("base64url") };
  } catch (error) {
    if (!(error instanceof LeptaError) || error.code !== "pending") throw error;
    return {
      proves: null,
      file: null,
      note: "Both sides have not signed for it yet. Ask again in a minute.",
    };
  }
}

const LISTED = 50;
/** It holds the goods, which stand beside it already. */
const FILE_BYTES = 64 * 1024;

const rowOf = (entry: HistoryEntry | PendingEntry): object => ({
  txn: entry.txn,
  at: new Date(entry.at).toISOString(),
  amount: entry.amount,
  status: entry.status,
  merchant: entry.merchant ?? null,
  ...("outcome" in entry ? { outcome: outcomeOf(entry.outcome), sku: entry.sku ?? null } : {}),
});

/** A code of the table; a merchant may have signed other words. */
const outcomeOf = (outcome: string): string =>
  outcome === "done" || isErrorCode(outcome) ? outcome : "internal";

const factsOf = ({
  customer,
  merchant,
  order,
  charged,
  at,
  ok,
  place,
  recordedAt,
}: VerifiedReceipt): object => ({
  customer,
  merchant,
  sku: order.sku,
  quantity: order.quantity,
  unitPrice: formatAmount(order.unitPrice),
  charged: formatAmount(charged),
  sold: ok,
  at: new Date(at).toISOString(),
  signed: place === undefined ? "by both, alone" : "by both, in a statement over several purchases",
  recordedAt: recordedAt === undefined ? null : new Date(recordedAt).toISOString(),
  sellerSays: { description: plain(order.description, DESCRIPTION) },
});

const DESCRIPTION = 256;
