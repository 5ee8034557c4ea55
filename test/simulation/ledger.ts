/** Watches every commit that happened, at the broker and at honest merchants, and sees that no scrip goes twice. */
import { createHash } from "node:crypto";
import type { Store } from "@lepta/lambdas";
import type { Change, PeerStore } from "@lepta/peer-sdk";
import { customerTables, merchantTables } from "@lepta/peer-sdk/records";
import { Booked } from "./booked.ts";
import type { Clock } from "./clock.ts";
import { isSold } from "./lane-shelf.ts";
import { LaneWallet } from "./lane-wallet.ts";
import { Shelf, type ShelfOptions } from "./shelf.ts";
import { Statements } from "./statements.ts";
import type { Findings } from "./violation.ts";
import { watchLog } from "./watch-log.ts";

export class Ledger {
  readonly #findings: Findings;
  readonly #clock: Clock;
  readonly #trace = createHash("sha256");
  /** Which transaction spent a scrip, by issuer and id. */
  readonly #spentBy = new Map<string, string>();
  #table: Store | undefined;
  /** Purchases that were sold, by honest merchants and others. */
  sold = 0;
  /** Those of them on lanes. */
  soldOnLanes = 0;
  /** Those of these that were metered, by honest merchants. */
  metered = 0;
  /** Lanes that went on in another session. */
  resumed = 0;
  readonly statements: Statements;
  /** Known once the broker has its root key. */
  network = "";
  /** The broker's grace, in milliseconds. */
  grace = 0;

  constructor(findings: Findings, clock: Clock) {
    this.#findings = findings;
    this.#clock = clock;
    this.statements = new Statements(findings);
  }

  /** Of all decisions and commits so far, of nothing that is random under real signatures. */
  digest(): string {
    return this.#trace.copy().digest("hex");
  }

  /** Adds a line to the trace. */
  readonly trace = (line: string): void => {
    this.#trace.update(line);
  };

  /** The broker's table, watched. */
  watchTable(inner: Store): Store {
    this.#table = inner;
    const booked = new Booked({
      findings: this.#findings,
      clock: this.#clock,
      trace: this.trace,
      spend: this.#spend,
      grace: () => this.grace,
      network: () => this.network,
    });
    return {
      get: inner.get,
      list: inner.list,
      commit: async (writes) => {
        const outcome = await inner.commit(writes);
        if (outcome === "committed") booked.committed(writes);
        return outcome;
      },
    };
  }

  readonly #spend = (scrip: string, by: string): void => {
    const before = this.#spentBy.get(scrip);
    if (before !== undefined && before !== by) {
      this.#findings.doubleSpends += 1;
      this.#findings.broken("spent once", `${scrip} was spent by ${before} and by ${by}`);
    }
    this.#spentBy.set(scrip, by);
  };

  readonly #soldOnLane = (isMetered = false): void => {
    this.sold += 1;
    this.soldOnLanes += 1;
    if (isMetered) this.metered += 1;
  };

  /** An honest merchant's store, watched. */
  watchShelf(inner: PeerStore, options: Omit<ShelfOptions, "tables">): PeerStore {
    const keeper = {
      findings: this.#findings,
      clock: this.#clock,
      trace: this.trace,
      spend: this.#spend,
      sold: this.#soldOnLane,
      soldAlone: () => {
        this.sold += 1;
      },
      statements: this.statements,
      table: () => this.#table,
    };
    const shelf = new Shelf(keeper, inner, { ...options, tables: merchantTables(inner) });
    return {
      ...inner,
      commit: (changes) => shelf.commit(changes, () => inner.commit(changes)),
      openLog: watchLog(inner, "bought", (record) => shelf.bought(record)),
    };
  }

  /** An honest wallet's store: a scrip that is on its way to its issuer is sent in no other transaction. */
  watchWallet(name: string, inner: PeerStore): PeerStore {
    const { pending } = customerTables(inner);
    const lanes = new LaneWallet(
      {
        findings: this.#findings,
        clock: this.#clock,
        trace: this.trace,
        resumed: () => {
          this.resumed += 1;
        },
        statements: this.statements,
      },
      name,
      inner,
    );
    const sentIn = new Map<string, string>();
    const scripOf = new Map<string, string>();
    const commit = async (changes: readonly Change[]): Promise<void> => {
      await inner.commit(changes);
      await lanes.committed(changes);
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
    return { ...inner, commit, openLog: watchLog(inner, "buying", (record) => lanes.buying(record)) };
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
    const openLog = watchLog(inner, "bought", (record) => {
      if (isSold(record)) this.#soldOnLane();
    });
    return { ...inner, commit, openLog };
  }
}
