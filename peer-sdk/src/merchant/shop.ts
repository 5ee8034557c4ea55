/** What the merchant's side of each figure works with. */
import type { ErrorCode, KnownPeer, MessageType, Verified } from "@lepta/protocol";
import type { KeyedLock } from "../lock.ts";
import type { Outbox } from "../outbox.ts";
import type { Party } from "../party.ts";
import type { Listed } from "./catalogue.ts";
import type { LaneBook } from "./lanes/book.ts";
import type { Orders } from "./lanes/orders.ts";
import type { Recordings } from "./lanes/recordings.ts";
import type { Visits } from "./lanes/visits.ts";
import type { MerchantTables } from "./records.ts";
import type { ScripTable } from "./scrip-table.ts";

/** What a merchant keeps, its outstanding scrip also in memory. */
export interface ShopTables extends Omit<MerchantTables, "scrip"> {
  readonly scrip: ScripTable;
}

export interface Shop {
  /** Its store is the one that `tables.scrip` follows. */
  readonly party: Party;
  readonly tables: ShopTables;
  readonly items: ReadonlyMap<string, Listed>;
  readonly outbox: Outbox;
  readonly lock: KeyedLock;
  /** The open lanes. */
  readonly lanes: LaneBook;
  /** The sessions that are open. */
  readonly visits: Visits;
  /** The broker's acknowledgements of statements, on their way to customers. */
  readonly recorded: Recordings;
  /** Orders that came on lanes. */
  readonly orders: Orders;
  /** Below this a purchase goes through a lane, in millionths of the currency's major unit. */
  readonly statementBelow: bigint;
  /** How long VendorScrip lives, in milliseconds. */
  readonly scripLife: number;
  /** How long expired VendorScrip can still be renewed and given back, in milliseconds. */
  readonly grace: number;
  /** Told of each purchase on a lane that is refused: its name, customer and transaction, and the code. */
  readonly refused?: ((purchase: string, code: ErrorCode) => void) | undefined;
  /** Told of a customer whose lane has to end while goods are made for it. */
  readonly ending?: ((customer: string) => void) | undefined;
  /** Told of the handler's faults and of our own. */
  readonly onError: (error: unknown) => void;
  /** How long notices are gathered before they are sent, in milliseconds. */
  readonly noticeDelay: number;
  /** The broker was away: what is left under way with it is tried again before long. */
  readonly tendSoon: () => void;
}

/** A message from a customer whose credential and signature hold. */
export interface FromCustomer<M extends MessageType> {
  readonly message: Verified<M>;
  readonly customer: KnownPeer;
}
