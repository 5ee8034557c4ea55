/** What a peer keeps, for tools that read a store from outside: inspection, books, tests. Wallets and merchants never need it. */
export {
  bodyOf,
  type CustomerTables,
  customerTables,
  type Holding,
  type Pending,
  PURSE,
} from "./customer/records.ts";
export { type IdentityRecord, identities, SELF } from "./identity.ts";
export {
  type MerchantTables,
  merchantTables,
  type SaleRecord,
  type ScripRecord,
} from "./merchant/records.ts";
