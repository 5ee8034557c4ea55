/** Lepta for those who pay and those who sell. */
export * from "./browser.ts";
export type { HttpServer } from "./channel/http-server.ts";
export type { ServeOptions, Serving, Visit } from "./channel/serve.ts";
export { isAllowedHost, isHostPattern } from "./customer/hosts.ts";
export type { Payment, Paywall, Serve } from "./http/paywall-port.ts";
export type { Catalogue, CatalogueItem, Made, Produce, Purchase } from "./merchant/catalogue.ts";
export {
  Merchant,
  type MerchantBooks,
  type MerchantStatement,
  type Sale,
  type ShopOptions,
} from "./merchant/merchant.ts";
export { type OpenPaywall, type PaywallOptions, paywall } from "./paywall/paywall.ts";
export type { RoutePrice, Routes } from "./paywall/routes.ts";
export { Peer } from "./peer.ts";
export { sqlitePeerStore } from "./store/sqlite.ts";
