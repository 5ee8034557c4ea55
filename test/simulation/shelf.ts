/** Watches every commit of an honest merchant: each must add up, on the broker's word where money comes or goes. */
import { type CreditRecord, creditItem, keys, type Store } from "@lepta/lambdas";
import type { Change, PeerStore } from "@lepta/peer-sdk";
import type { MerchantTables, SaleRecord, ScripRecord } from "@lepta/peer-sdk/records";
import type { LineRecord } from "../../peer-sdk/src/merchant/records.ts";
import { merchantWeight } from "./books.ts";
import { isCharge } from "./goods.ts";
import { type Laned, type LaneKeeper, LaneShelf } from "./lane-shelf.ts";

/** What a commit of a merchant is about. */
interface Shelved {
  readonly scrip: ReadonlyMap<string, ScripRecord | undefined>;
  readonly sales: ReadonlyMap<string, SaleRecord | undefined>;
  readonly lines: ReadonlyMap<string, LineRecord | undefined>;
  readonly laned: Laned;
}

/** What a shelf needs of whoever keeps the ledger. */
export interface Keeper extends LaneKeeper {
  readonly spend: (scrip: string, by: string) => void;
  /** A purchase that was signed by itself. */
  readonly soldAlone: () => void;
  readonly table: () => Store | undefined;
}

export interface ShelfOptions {
  readonly name: string;
  readonly uidOf: () => string;
  readonly tables: MerchantTables;
  /** What one costs, in millionths. */
  readonly prices: (sku: string) => bigint;
  /** How long expired scrip can be renewed and given back, in milliseconds. */
  readonly grace: number;
}

/** Of a merchant's clock, and of the time that a commit takes. */
const TOLERANCE = 2 * 60 * 1000;

export class Shelf {
  readonly #keeper: Keeper;
  readonly #options: ShelfOptions;

  readonly #lanes: LaneShelf;

  constructor(keeper: Keeper, store: PeerStore, options: ShelfOptions) {
    this.#keeper = keeper;
    this.#options = options;
    this.#lanes = new LaneShelf(keeper, store, options);
  }

  /** Commits, and looks at what it did. */
  async commit(changes: readonly Change[], commit: () => Promise<void>): Promise<void> {
    const before = await this.#read(changes);
    await commit();
    const after = await this.#read(changes);
    let change = this.#sales(before, after) + (await this.#lanes.step(before.laned, after.laned, changes));
    for (const [id, scrip] of after.scrip)
      change += await this.#scrip(id, before.scrip.get(id), scrip, after);
    if (change === 0) return;
    this.#keeper.findings.conserved = false;
    const what = changes.map(({ key }) => key).join(", ");
    this.#broken("conserved", `a commit makes ${change} millionths: ${what}`);
  }

  /** A purchase on a lane became durable. */
  bought(record: Uint8Array): void {
    this.#lanes.bought(record);
  }

  #broken(rule: string, what: string): void {
    this.#keeper.findings.broken(rule, `${this.#options.name}: ${what}`);
  }

  async #read(changes: readonly Change[]): Promise<Shelved> {
    const { tables } = this.#options;
    const scrip = new Map<string, ScripRecord | undefined>();
    const sales = new Map<string, SaleRecord | undefined>();
    const lines = new Map<string, LineRecord | undefined>();
    for (const { key } of changes) {
      const id = key.slice(key.indexOf("/") + 1);
      if (/^(scrip|spent)\//.test(key)) scrip.set(id, await tables.scrip.get(id));
      if (key.startsWith("line/")) lines.set(id, await tables.lines.get(id));
      if (key.startsWith("sale/")) sales.set(id, await tables.sales.get(id));
    }
    return { scrip, sales, lines, laned: await this.#lanes.read(changes) };
  }

  #sales(before: Shelved, after: Shelved): number {
    const { findings, clock, trace, soldAlone } = this.#keeper;
    const { name, prices } = this.#options;
    let change = 0;
    for (const [id, sale] of after.sales) {
      // One on a lane has no record of its own before it is given back.
      const onLane = this.#lanes.nameOf(id);
      const was = before.sales.get(id) ?? (onLane === undefined ? undefined : unreturned(sale));
      change += merchantWeight.sale(sale) - merchantWeight.sale(was);
      const isKept =
        was === undefined || (was.request === sale?.request && was.charged.value === sale.charged.value);
      if (!isKept) this.#broken("a sale is kept", id);
      if (was?.refunded !== undefined && was.refunded !== sale?.refunded)
        this.#broken("a purchase is given back once", id);
      if (was === undefined && sale?.ok === 1) soldAlone();
      const isPriced =
        sale?.ok !== 1 || isCharge(sale.sku, sale.quantity, prices(sale.sku), sale.charged.value);
      if (!isPriced) this.#broken("the price is the catalogue's", id);
      trace(
        `M ${clock.now} ${name} sale ${onLane ?? id} ${sale?.ok} ${sale?.charged.value} ${sale?.refunded ?? ""}\n`,
      );
      const what = sale?.refunded === undefined ? "sale" : "given back";
      findings.tell(
        clock.now,
        name,
        () => `${what} ${id.slice(0, 8)} ${id.slice(44, 52)} ok=${sale?.ok} ${sale?.charged.value}`,
      );
    }
    return change;
  }

  /** What the step of one scrip adds to authorised − live − sold − given back. */
  async #scrip(
    id: string,
    was: ScripRecord | undefined,
    scrip: ScripRecord | undefined,
    after: Shelved,
  ): Promise<number> {
    const { clock, trace, spend, findings } = this.#keeper;
    const { name } = this.#options;
    trace(`M ${clock.now} ${name} ${id} ${scrip?.state} ${scrip?.value.value}\n`);
    if (was?.state !== scrip?.state)
      findings.tell(
        clock.now,
        name,
        () => `scrip ${id.slice(-8)} ${was?.state ?? "new"} → ${scrip?.state} ${scrip?.value.value}`,
      );
    if (was?.state === "spent" && scrip?.state !== "spent") this.#broken("a tombstone stays", id);
    const change = merchantWeight.scrip(scrip) - merchantWeight.scrip(was);
    if (scrip === undefined) return change;
    const isMade = scrip.state === "live" && (was === undefined || was.state === "reserved");
    // What is given as change, renewed or given back is balanced by what the same commit ends.
    if (isMade && scrip.origin === id && !this.#isGivenBack(id, after))
      return change + Number(await this.#authorised(id, scrip));
    if (scrip.state !== "spent" || was?.state === "spent") return change;
    spend(`${name} ${id}`, `${scrip.owner}/${scrip.spentBy}`);
    const { now } = clock;
    const isSale = after.sales.has(`${scrip.owner}/${scrip.spentBy}`);
    const isEnded = after.lines.get(`${scrip.owner}/${scrip.origin}`)?.ended === true;
    if (isEnded) return change - Number(await this.#reversed(id, scrip));
    const end = scrip.expiresAt + TOLERANCE + clock.leapt + (isSale ? 0 : this.#options.grace);
    if (was?.state === "live" && end <= now) this.#broken("expired scrip buys nothing", id);
    return was?.state === "returning" ? change - Number(await this.#refunded(id, scrip)) : change;
  }

  #isGivenBack(id: string, { sales }: Shelved): boolean {
    return [...sales.values()].some((sale) => sale?.refunded === id);
  }

  async #creditOf(owner: string, txn: string): Promise<CreditRecord | undefined> {
    const at = keys.credit(this.#options.uidOf(), owner, txn);
    return creditItem.read((await this.#keeper.table()?.get([at]))?.[0]);
  }

  /** What the broker has booked for this V0. */
  async #authorised(id: string, scrip: ScripRecord): Promise<bigint> {
    const credit = await this.#creditOf(scrip.owner, scrip.from ?? "");
    // A customer may have had it taken back already, unseen.
    if (credit?.scrip === id && credit.state !== "void") return credit.value;
    this.#broken("V0 lives on M4", `${id} is live and nothing is booked for it`);
    return scrip.value.value;
  }

  /** What the broker has given the customer for it. */
  async #refunded(id: string, { owner, spentBy = "", value }: ScripRecord): Promise<bigint> {
    const credit = await this.#creditOf(owner, spentBy);
    if (credit?.state === "refund" && credit.value === value.value) return credit.value;
    this.#broken("scrip is given back on the broker's word", `${id} in ${spentBy}: ${credit?.state}`);
    return value.value;
  }

  /** What a reversal ends. */
  async #reversed(id: string, { owner, spentBy = "", value }: ScripRecord): Promise<bigint> {
    const credit = await this.#creditOf(owner, spentBy);
    if (credit?.state !== "disputed" && credit?.reversedBy === undefined)
      this.#broken("a line ends with a reversal", `${id} of ${spentBy}: ${credit?.state}`);
    return value.value;
  }
}

/** A sale as it was before it was given back. */
function unreturned(sale: SaleRecord | undefined): SaleRecord | undefined {
  if (sale === undefined) return undefined;
  const { refunded: _gone, ...kept } = sale;
  return kept;
}
