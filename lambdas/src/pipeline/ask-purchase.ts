/** What the broker was told about one purchase: both notices of figure 7, or the statement that covers it on a lane. */
import { limits, readLanePurchase, type Txn, type Uid } from "@lepta/protocol";
import {
  keys,
  noticeItem,
  type StatementRecord,
  statementItem,
  statementPlace,
  statementsOf,
} from "../broker/items.ts";
import { type NoticeOutcome, placeOf, stateOfNotices } from "../broker/notices.ts";
import { isCovered, standingOfPurchase } from "../broker/statements.ts";
import type { Parties } from "../packed.ts";
import type { Store } from "../ports/store.ts";

/** How a purchase stands, and what its parties have signed about it. */
export interface PurchaseStanding {
  readonly state: "unknown" | NoticeOutcome["state"];
  readonly signed: readonly Uint8Array[];
}

/** By the `txn` of figure 7 or a lane's name for it. Only for the two parties. */
export async function askPurchase(
  store: Store,
  customer: Uid,
  merchant: Uid,
  txn: Txn,
): Promise<PurchaseStanding> {
  const [item] = await store.get([keys.notice(customer, merchant, placeOf(txn))]);
  const notices = noticeItem.read(item);
  if (notices !== undefined) {
    const { customerNotice, merchantNotice } = notices;
    const signed = [customerNotice, merchantNotice].filter((each) => each !== undefined);
    return { state: stateOfNotices(notices), signed };
  }
  const { lane, sequence } = readLanePurchase(txn);
  // The random name of a purchase of figure 7 is hardly ever that of a purchase on a lane.
  if (sequence < 1 || !Number.isSafeInteger(sequence)) return { state: "unknown", signed: [] };
  const parties = { customer, merchant };
  const records = await coveringFrom(store, parties, lane, sequence);
  const { state, shown } = standingOfPurchase(records, parties, sequence);
  return { state, signed: shown.slice(0, MOST_SHOWN).map(({ bytes }) => bytes) };
}

/** The statements of a lane that end with this purchase or behind it, up to the first that both signed and that covers it. */
async function coveringFrom(
  store: Store,
  parties: Parties,
  lane: string,
  sequence: number,
): Promise<readonly StatementRecord[]> {
  const { pk } = keys.notice(parties.customer, parties.merchant, "");
  const records: StatementRecord[] = [];
  let after: string | undefined = statementPlace(lane, sequence - 1, true);
  while (after !== undefined && records.length < limits.statementsRead) {
    const page = await store.list(pk, { prefix: statementsOf(lane), limit: PAGE, after });
    for (const { item } of page.items) {
      const record = statementItem.fromItem(item);
      records.push(record);
      if (isCovered(record, parties, sequence)) return records;
    }
    after = page.next;
  }
  return records;
}

/** The one that is looked for is the first, unless a side has signed what it should not have. */
const PAGE = 4;
/** What can travel beside an answer. */
const MOST_SHOWN = 4;
