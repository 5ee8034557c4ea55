/** Design section 6, rule 6, over all items of the table: what came in is what is live, owed or gone. Per currency. */
import type { Item, Key } from "../ports/store.ts";
import {
  type CreditRecord,
  creditItem,
  type PurseRecord,
  purseItem,
  type TransactionRecord,
  transactionItem,
} from "./items.ts";

/** Millionths of the currency's major unit. */
export interface BrokerBooks {
  readonly moneyIn: bigint;
  readonly moneyOut: bigint;
  readonly liveBrokerScrip: bigint;
  readonly chargedNotMinted: bigint;
  readonly redeemedNotPaid: bigint;
  readonly owedToMerchants: bigint;
  readonly expired: bigint;
  readonly fees: bigint;
  readonly operatorLoss: bigint;
  /** moneyIn − moneyOut is the sum of the others. */
  readonly conserved: boolean;
}

/** The books of one currency from all items. Scrip that has expired is worth nothing but what a grace period gives it. */
export function brokerBooks(
  items: Iterable<{ readonly key: Key; readonly item: Item }>,
  currency: string,
  now: number,
): BrokerBooks {
  let moneyIn = 0n;
  let liveBrokerScrip = 0n;
  let expired = 0n;
  let chargedNotMinted = 0n;
  let owedToMerchants = 0n;
  for (const { key, item } of items) {
    const kind = key.sk.split("#")[0];
    if (key.pk.startsWith("PEER#") && kind === "TXN") {
      const { charged, minted } = funded(transactionItem.fromItem(item), currency);
      moneyIn += charged;
      chargedNotMinted += charged - minted;
    } else if (key.pk.startsWith("PEER#") && kind === "BROKERSCRIP") {
      const purse: PurseRecord = purseItem.fromItem(item);
      if (purse.currency !== currency) continue;
      if ((purse.expiresAt ?? 0) <= now) expired += purse.value ?? 0n;
      else liveBrokerScrip += purse.value ?? 0n;
    } else if (key.pk.startsWith("MERCHANT#") && kind === "CREDIT") {
      const credit: CreditRecord = creditItem.fromItem(item);
      if (credit.currency === currency && credit.state === "held") owedToMerchants += credit.value;
    }
  }
  // Redemption, settlement, fees and losses come with the flows that move them; until then nothing of them exists.
  const none = { moneyOut: 0n, redeemedNotPaid: 0n, fees: 0n, operatorLoss: 0n };
  const conserved = moneyIn === liveBrokerScrip + chargedNotMinted + owedToMerchants + expired;
  return { moneyIn, ...none, liveBrokerScrip, chargedNotMinted, owedToMerchants, expired, conserved };
}

function funded(
  record: TransactionRecord,
  currency: string,
): { readonly charged: bigint; readonly minted: bigint } {
  const { kind, state, value = 0n } = record;
  if (kind !== "brokerscrip" || record.currency !== currency) return { charged: 0n, minted: 0n };
  if (state === "done") return { charged: value, minted: value };
  return { charged: state === "charged" ? value : 0n, minted: 0n };
}
