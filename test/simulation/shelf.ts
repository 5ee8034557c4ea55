/** A merchant's store as the ledger looks at it: what a commit's keys hold, before and after. */
import type { Change } from "@lepta/peer-sdk";
import type { MerchantTables, SaleRecord, ScripRecord } from "@lepta/peer-sdk/records";

/** What a commit of a merchant is about. */
export interface Shelved {
  readonly scrip: ReadonlyMap<string, ScripRecord | undefined>;
  readonly sales: ReadonlyMap<string, SaleRecord | undefined>;
  /** Scrip that is given as change by the sales. */
  readonly given: ReadonlySet<string>;
}

export class Shelf {
  readonly name: string;
  readonly uidOf: () => string;
  readonly prices: (sku: string) => bigint;
  readonly #tables: MerchantTables;

  constructor(name: string, uidOf: () => string, tables: MerchantTables, prices: (sku: string) => bigint) {
    this.name = name;
    this.uidOf = uidOf;
    this.prices = prices;
    this.#tables = tables;
  }

  async read(changes: readonly Change[]): Promise<Shelved> {
    const scrip = new Map<string, ScripRecord | undefined>();
    const sales = new Map<string, SaleRecord | undefined>();
    const given = new Set<string>();
    for (const { key } of changes) {
      if (key.startsWith("scrip/")) scrip.set(key.slice(6), await this.#tables.scrip.get(key.slice(6)));
      if (!key.startsWith("sale/")) continue;
      const sale = await this.#tables.sales.get(key.slice(5));
      sales.set(key.slice(5), sale);
      if (sale?.change !== undefined) given.add(sale.change);
    }
    return { scrip, sales, given };
  }
}
