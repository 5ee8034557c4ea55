/** Watches every commit that happened, at the broker and at honest merchants: each must add up, and no scrip go twice. */
import { createHash } from "node:crypto";
import {
  creditItem,
  type Item,
  keys,
  purseItem,
  type Store,
  transactionItem,
  type Write,
} from "@lepta/lambdas";
import type { Change, PeerStore } from "@lepta/peer-sdk";
import { customerTables, merchantTables, type ScripRecord } from "@lepta/peer-sdk/records";
import { brokerWeight, merchantWeight } from "./books.ts";
import type { Clock } from "./clock.ts";
import { Shelf } from "./shelf.ts";
import { unlikeSigned } from "./signed.ts";
import { itemKind } from "./stores.ts";
import type { Findings } from "./violation.ts";

/** The fields of items that say what was decided; signatures and sealed bytes are not among them. */
const DECISIVE = ["kind", "state", "value", "currency", "scrip", "spent", "merchant", "reason", "sequence"];

/** Of a merchant's clock, and of the time that a commit takes. */
const TOLERANCE = 2 * 60 * 1000;

interface Purse {
  readonly scrip: string | undefined;
  readonly sequence: number;
  readonly expiresAt: number;
}

export class Ledger {
  readonly #findings: Findings;
  readonly #clock: Clock;
  readonly #trace = createHash("sha256");
  readonly #weights = new Map<string, number>();
  readonly #purses = new Map<string, Purse>();
  /** Which transaction spent a scrip, by issuer and id. */
  readonly #spentBy = new Map<string, string>();
  #table: Store | undefined;
  /** Purchases that were sold, by honest merchants and others. */
  sold = 0;

  constructor(findings: Findings, clock: Clock) {
    this.#findings = findings;
    this.#clock = clock;
  }

  /** Of all decisions and commits so far, of nothing that is random under real signatures. */
  digest(): string {
    return this.#trace.copy().digest("hex");
  }

  /** Adds a line to the trace. */
  trace(line: string): void {
    this.#trace.update(line);
  }

  /** The broker's table, watched. */
  watchTable(inner: Store): Store {
    this.#table = inner;
    return {
      get: inner.get,
      list: inner.list,
      commit: async (writes) => {
        const outcome = await inner.commit(writes);
        if (outcome === "committed") this.#booked(writes);
        return outcome;
      },
    };
  }

  #booked(writes: readonly Write[]): void {
    let change = 0;
    for (const write of writes) {
      const { at } = write;
      const item = "put" in write ? write.put : undefined;
      const name = `${at.pk} ${at.sk}`;
      const kind = itemKind(at);
      this.trace(`B ${this.#clock.now} ${name} ${item === undefined ? "-" : decisive(item)}\n`);
      if (kind !== "BROKERSCRIP" && kind !== "TXN" && kind !== "CREDIT") continue;
      const weight = brokerWeight(at, item);
      change += weight - (this.#weights.get(name) ?? 0);
      this.#weights.set(name, weight);
      if (item === undefined) this.#findings.broken("kept", `${name} was removed`);
      else if (kind === "TXN") this.#ended(at.pk, at.sk.slice(4), item, writes);
    }
    for (const write of writes)
      if ("put" in write && write.at.sk === "BROKERSCRIP") this.#moved(write.at.pk, write.put);
    if (change !== 0) {
      this.#findings.conserved = false;
      const what = writes.map(({ at }) => `${at.pk} ${at.sk}`).join(", ");
      this.#findings.broken("conserved", `a commit of the broker makes ${change} millionths: ${what}`);
    }
  }

  #ended(pk: string, txn: string, item: Item, writes: readonly Write[]): void {
    const record = transactionItem.fromItem(item);
    const { kind, state, spent, value = "", reason = "", decidedAt = 0 } = record;
    const name = `${pk.slice(5, 13)} ${txn.slice(0, 8)}`;
    this.#findings.tell(this.#clock.now, "broker", () => `${name} ${kind} ${state} ${value} ${reason}`);
    if (state !== "done") return;
    if (spent !== undefined) {
      this.#spend(`B ${spent}`, `${pk} ${txn}`);
      if (!writes.some(({ at }) => at.pk === pk && at.sk === `SPENT#${spent}`))
        this.#findings.broken("a spent scrip leaves a tombstone", `${name}: ${spent}`);
    }
    if (kind !== "vendorscrip") return;
    if ((this.#purses.get(pk)?.expiresAt ?? 0) <= decidedAt)
      this.#findings.broken("expired scrip buys nothing", `${name}: BrokerScrip`);
    const wrong = unlikeSigned(pk.slice(5), txn, record);
    if (wrong !== undefined) this.#findings.broken("what is booked is what was signed", `${name}: ${wrong}`);
  }

  #moved(pk: string, item: Item): void {
    const { scrip, sequence, expiresAt = 0 } = purseItem.fromItem(item);
    const before = this.#purses.get(pk);
    if (sequence !== (before?.sequence ?? 0) + 1)
      this.#findings.broken("audit chain", `${pk}: record ${sequence} follows ${before?.sequence ?? 0}`);
    this.#purses.set(pk, { scrip, sequence, expiresAt });
  }

  #spend(scrip: string, by: string): void {
    const before = this.#spentBy.get(scrip);
    if (before !== undefined && before !== by) {
      this.#findings.doubleSpends += 1;
      this.#findings.broken("spent once", `${scrip} was spent by ${before} and by ${by}`);
    }
    this.#spentBy.set(scrip, by);
  }

  /** An honest merchant's store, watched. */
  watchShelf(
    name: string,
    uidOf: () => string,
    inner: PeerStore,
    prices: (sku: string) => bigint,
  ): PeerStore {
    const tables = merchantTables(inner);
    const shelf = new Shelf(name, uidOf, tables, prices);
    return { ...inner, commit: (changes) => this.#shelved(shelf, inner, changes) };
  }

  /** An honest wallet's store: a scrip that is on its way to its issuer is sent in no other transaction. */
  watchWallet(name: string, inner: PeerStore): PeerStore {
    const { pending } = customerTables(inner);
    const sentIn = new Map<string, string>();
    const scripOf = new Map<string, string>();
    const commit = async (changes: readonly Change[]): Promise<void> => {
      await inner.commit(changes);
      for (const { key, value } of changes) {
        if (!key.startsWith("pending/")) continue;
        const txn = key.slice(8);
        this.trace(`C ${this.#clock.now} ${name} ${txn} ${value === undefined ? "ended" : "sent"}\n`);
        const scrip = value === undefined ? undefined : (await pending.get(txn))?.scrip;
        const before = scrip && sentIn.get(scrip);
        if (before !== undefined && before !== txn)
          this.#findings.broken(
            "a scrip is locked while it is sent",
            `${name}: ${scrip} in ${before} and ${txn}`,
          );
        if (value === undefined) sentIn.delete(scripOf.get(txn) ?? "");
        else if (scrip !== undefined) {
          sentIn.set(scrip, txn);
          scripOf.set(txn, scrip);
        }
        if (value === undefined) scripOf.delete(txn);
      }
    };
    return { ...inner, commit };
  }

  /** An adversary's store: only what it sold is counted. */
  watchSales(inner: PeerStore): PeerStore {
    const { sales } = merchantTables(inner);
    const commit = async (changes: readonly Change[]): Promise<void> => {
      const ids = changes.filter(({ key }) => key.startsWith("sale/")).map(({ key }) => key.slice(5));
      const fresh: string[] = [];
      for (const id of ids) if ((await sales.get(id)) === undefined) fresh.push(id);
      await inner.commit(changes);
      for (const id of fresh) if ((await sales.get(id))?.ok === 1) this.sold += 1;
    };
    return { ...inner, commit };
  }

  async #shelved(shelf: Shelf, inner: PeerStore, changes: readonly Change[]): Promise<void> {
    const broken = (rule: string, what: string) => this.#findings.broken(rule, `${shelf.name}: ${what}`);
    const before = await shelf.read(changes);
    await inner.commit(changes);
    const after = await shelf.read(changes);
    let change = 0;
    for (const [id, sale] of after.sales) {
      const was = before.sales.get(id);
      change += merchantWeight.sale(sale) - merchantWeight.sale(was);
      if (was !== undefined && was.request !== sale?.request) broken("a sale is kept", id);
      if (was === undefined && sale?.ok === 1) this.sold += 1;
      const price = sale === undefined ? 0n : shelf.prices(sale.sku) * BigInt(sale.quantity);
      if (sale?.ok === 1 && sale.charged.value !== price) broken("the price is the catalogue's", id);
      this.trace(`M ${this.#clock.now} ${shelf.name} sale ${id} ${sale?.ok} ${sale?.charged.value}\n`);
      this.#findings.tell(
        this.#clock.now,
        shelf.name,
        () => `sale ${id.slice(0, 8)} ${id.slice(44, 52)} ok=${sale?.ok} ${sale?.charged.value}`,
      );
    }
    for (const [id, scrip] of after.scrip) {
      const was = before.scrip.get(id);
      change += merchantWeight.scrip(scrip) - merchantWeight.scrip(was);
      this.trace(`M ${this.#clock.now} ${shelf.name} ${id} ${scrip?.state} ${scrip?.value.value}\n`);
      if (was?.state === "spent" && scrip?.state !== "spent") broken("a tombstone stays", id);
      if (scrip?.state === "spent") {
        this.#spend(`${shelf.name} ${id}`, `${scrip.owner}/${scrip.spentBy}`);
        const isLate = was?.state === "live" && scrip.expiresAt + TOLERANCE <= this.#clock.now;
        if (isLate) broken("expired scrip buys nothing", id);
      }
      const isNew = scrip?.state === "live" && was?.state !== "live";
      if (isNew && !after.given.has(id)) change += Number(await this.#authorised(shelf, id, scrip));
    }
    if (change !== 0) {
      this.#findings.conserved = false;
      broken("conserved", `a commit makes ${change} millionths: ${changes.map(({ key }) => key).join(", ")}`);
    }
  }

  /** What the broker has booked for this V0. */
  async #authorised(shelf: Shelf, id: string, scrip: ScripRecord): Promise<bigint> {
    const item = (await this.#table?.get([keys.credit(shelf.uidOf(), scrip.owner, scrip.from)]))?.[0];
    const credit = creditItem.read(item);
    if (credit?.state === "held" && credit.scrip === id) return credit.value;
    this.#findings.broken("V0 lives on M4", `${shelf.name}: ${id} is live and nothing is booked for it`);
    return scrip.value.value;
  }
}

const decisive = (item: Item): string => DECISIVE.map((name) => item[name] ?? "").join(" ");
