/** Lepta for those who pay: what runs everywhere, in browsers as well. */

export { formatAmount, LeptaError, parseAmount } from "@lepta/protocol/core";
export { connectWebSocket } from "#connect";
export type { Bought, Receipt } from "./customer/bought.ts";
export type { Budget, SpendingLimits, Spent } from "./customer/budgets.ts";
export type { BuyOptions } from "./customer/buy.ts";
export type { FetchOptions, Payer, Quote } from "./customer/http/fetch.ts";
export type { HttpPayment, PaidResponse } from "./customer/http/paying.ts";
export type { Balance } from "./customer/overview.ts";
export type { CustomerKind } from "./customer/records.ts";
export type { Missing } from "./customer/restore.ts";
export type { HistoryEntry, PendingEntry, Status } from "./customer/status.ts";
export { Goods } from "./goods.ts";
export { httpTransport } from "./http-transport.ts";
export type { PartyOptions } from "./party.ts";
export {
  type BrokerTransport,
  type CallOff,
  type Change,
  type Channel,
  type ConnectChannel,
  type KeyVault,
  type LogRecord,
  type OpenedLog,
  type PeerStore,
  type RecordLog,
  type Runtime,
  systemRuntime,
  type Wire,
  type WireEvents,
} from "./ports.ts";
export {
  type Databases,
  type EndOfWaiting,
  type IndexedDbOptions,
  indexedDbPeerStore,
  type Locks,
} from "./store/indexed-db.ts";
export { memoryPeerStore } from "./store/memory.ts";
export {
  type OfferedItem,
  Wallet,
  type WalletOptions,
} from "./wallet.ts";
export type { PassedMessage, Watch } from "./watch.ts";
