/** Lepta for those who pay: what runs everywhere, in browsers as well. */

export { formatAmount, LeptaError, parseAmount } from "@lepta/protocol/core";
export { connectWebSocket } from "#connect";
export type { Receipt } from "./customer/bought.ts";
export type { Balance } from "./customer/overview.ts";
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
  type LogRecord,
  type OpenedLog,
  type PeerStore,
  type RecordLog,
  type Runtime,
  systemRuntime,
  type Wire,
  type WireEvents,
} from "./ports.ts";
export { memoryPeerStore } from "./store/memory.ts";
export {
  type BuyOptions,
  type OfferedItem,
  Wallet,
  type WalletOptions,
} from "./wallet.ts";
