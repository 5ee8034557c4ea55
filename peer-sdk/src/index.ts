/** Lepta for those who pay and those who sell. */
export { formatAmount, LeptaError, parseAmount } from "@lepta/protocol";
export { connectWebSocket } from "./channel/connect.ts";
export type { ServeOptions, Serving, Visit } from "./channel/serve.ts";
export type { Receipt } from "./customer/buy-item.ts";
export type { Balance, HistoryEntry, PendingEntry, Status } from "./customer/overview.ts";
export type { Missing } from "./customer/restore.ts";
export { Goods } from "./goods.ts";
export { httpTransport } from "./http-transport.ts";
export type { Catalogue, CatalogueItem, Purchase } from "./merchant/catalogue.ts";
export {
  Merchant,
  type MerchantBooks,
  type MerchantStatement,
  type Sale,
  type ShopOptions,
} from "./merchant/merchant.ts";
export type { PartyOptions } from "./party.ts";
export { Peer } from "./peer.ts";
export {
  type BrokerTransport,
  type CallOff,
  type Change,
  type Channel,
  type ConnectChannel,
  type LogRecord,
  type OpenedLog,
  type PeerStore,
  type RecordLog,
  type Runtime,
  systemRuntime,
} from "./ports.ts";
export { memoryPeerStore } from "./store/memory.ts";
export { sqlitePeerStore } from "./store/sqlite.ts";
export {
  type BuyOptions,
  type OfferedItem,
  Wallet,
  type WalletOptions,
} from "./wallet.ts";
