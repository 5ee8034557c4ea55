/** A merchant's VendorScrip: all of it on disk, and what is not spent also in memory, which follows each commit. */
import {
  type IssuerSecrets,
  isGenuine,
  LeptaError,
  limits,
  originOf,
  type ScripBody,
  type ScripId,
  type ScripTuple,
} from "@lepta/protocol";
import type { Party } from "../party.ts";
import type { Change, PeerStore } from "../ports.ts";
import type { Table } from "../store/table.ts";
import { moments } from "./moment.ts";
import { Outstanding, type Standing } from "./outstanding.ts";
import { type Places, placesUnder } from "./place.ts";
import { merchantTables, type ScripRecord, UNSPENT } from "./records.ts";
import { readHead } from "./scrip-head.ts";

/** A change to the table that memory follows once it is durable; `gone` where no secrets are left. */
interface Step extends Change {
  readonly id: ScripId;
  readonly salt: Uint8Array;
  readonly standing: Standing | "gone";
}

/** What a party must have for this. */
export interface Owner extends Pick<Party, "store" | "runtime"> {
  readonly identity: Pick<Party["identity"], "epoch" | "epochRoot">;
}

export class ScripTable {
  readonly #owner: Owner;
  readonly #disk: Table<ScripRecord>;
  readonly #places: Places;
  readonly #nextMoment: () => Uint8Array;
  readonly #memory: Outstanding;
  /** The party's store. What changes scrip must be committed through it: memory follows no other. */
  readonly store: PeerStore;

  private constructor(owner: Owner, memory: Outstanding) {
    this.#owner = owner;
    this.#memory = memory;
    this.#disk = merchantTables(owner.store).scrip;
    this.#places = placesUnder(owner.identity.epochRoot);
    this.#nextMoment = moments(owner.runtime);
    const { store } = owner;
    this.store = {
      get: (key) => store.get(key),
      list: (prefix, options) => store.list(prefix, options),
      commit: (changes) => this.#commit(changes),
      openLog: (name) => store.openLog(name),
      close: () => store.close(),
    };
  }

  /** Reads what is outstanding, page by page. Throws `store-damaged`. */
  static async open(owner: Owner, memory = new Outstanding()): Promise<ScripTable> {
    const table = new ScripTable(owner, memory);
    await table.#load();
    return table;
  }

  get size(): number {
    return this.#memory.size;
  }

  /** What the table takes in memory, salts included. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  /** The record on disk. */
  get(id: ScripId): Promise<ScripRecord | undefined> {
    return this.#disk.get(id);
  }

  /** All records on disk. */
  list(): ReturnType<Table<ScripRecord>["list"]> {
    return this.#disk.list();
  }

  /** The secrets of a scrip that is made. */
  secretsOf(salt: Uint8Array): IssuerSecrets {
    return { epochRoot: this.#owner.identity.epochRoot, salt };
  }

  /** Names a new scrip: nobody else gets its place, until it is spent or its commit fails. */
  take(salt: Uint8Array): ScripId {
    const { epoch } = this.#owner.identity;
    return this.#places.idOf(epoch, this.#nextMoment(), this.#memory.take(salt));
  }

  /** Keeps the place of a scrip that was named before we were opened, and is not in the table yet. */
  hold(id: ScripId, salt: Uint8Array): void {
    this.#memory.hold(this.#places.placeOf(id), salt, "taken");
  }

  /**
   * The scrip that is shown, by memory alone, where it is ours, genuine, and live or held by a lane; undefined where only the
   * disk can say. Its certificate proves the body, so what the body says need not be read.
   */
  find(shown: ScripBody, tuple: ScripTuple): (ScripRecord & { readonly salt: Uint8Array }) | undefined {
    const place = this.#places.placeOf(shown.id);
    const state = this.#memory.stateAt(place);
    if (state !== "live" && state !== "lane") return undefined;
    const salt = this.#memory.saltAt(place);
    if (!isGenuine(this.secretsOf(salt), tuple)) return undefined;
    const { owner, value, expiresAt, parent } = shown;
    const origin = originOf(shown);
    return { state, owner, value, expiresAt, salt, ...(parent === undefined ? {} : { parent }), origin };
  }

  /** A scrip that is not spent, as it stands from now on. */
  put(id: ScripId, record: ScripRecord): Change {
    const { state, salt } = record;
    if (state === "spent" || salt === undefined) throw new TypeError("spent scrip has no salt");
    return stepOf(this.#disk.put(id, record), id, salt, state);
  }

  /** Spends a scrip: its secrets go. `by` is what spends it, where the record does not say so already. */
  spend(id: ScripId, { salt, ...record }: ScripRecord, by = record.spentBy): readonly Change[] {
    const spent: ScripRecord = { ...record, state: "spent", ...(by === undefined ? {} : { spentBy: by }) };
    return [this.#disk.put(id, spent), gone(id, salt, this.#disk.remove(id))];
  }

  /** Forgets a scrip that the broker has not authorised. */
  forget(id: ScripId, { salt }: ScripRecord): Change {
    return gone(id, salt, this.#disk.remove(id));
  }

  async #commit(changes: readonly Change[]): Promise<void> {
    const steps = changes.filter(isStep);
    try {
      await this.#owner.store.commit(changes);
    } catch (error) {
      await this.#readAgain(steps);
      throw error;
    }
    for (const step of steps) this.#follow(step);
  }

  #follow({ id, salt, standing }: Step): void {
    const place = this.#places.placeOf(id);
    if (standing === "gone") this.#memory.free(place, salt);
    else this.#memory.set(place, salt, standing);
  }

  /** Whatever became of a commit that failed, memory says what the disk says, or leaves it to the disk to say. */
  async #readAgain(steps: readonly Step[]): Promise<void> {
    for (const step of steps) this.#follow({ ...step, standing: "taken" });
    for (const step of steps) {
      // A store that cannot be read either is asked when the scrip is shown: its fault is told there.
      const record = await this.#disk.get(step.id).catch(() => "unknown" as const);
      if (record === "unknown") return;
      const isGone = record === undefined || record.state === "spent";
      this.#follow({ ...step, standing: isGone ? "gone" : record.state });
    }
  }

  async #load(): Promise<void> {
    const limit = limits.scripRows;
    let after = "";
    for (;;) {
      const rows = await this.#owner.store.list(UNSPENT, { after, limit });
      for (const [key, bytes] of rows) {
        const { state, salt } = readHead(key, bytes);
        if (salt === undefined || state === "spent") continue;
        this.#memory.hold(this.#places.placeOf(key.slice(UNSPENT.length)), salt, state);
      }
      const last = rows.at(-1);
      if (rows.length < limit || last === undefined) return;
      after = last[0];
    }
  }
}

const stepOf = (change: Change, id: ScripId, salt: Uint8Array, standing: Step["standing"]): Step => ({
  ...change,
  id,
  salt,
  standing,
});

const isStep = (change: Change): change is Step => "standing" in change;

function gone(id: ScripId, salt: Uint8Array | undefined, change: Change): Change {
  if (salt === undefined) throw new LeptaError("store-damaged", `scrip ${id} has no salt and is not spent`);
  return stepOf(change, id, salt, "gone");
}
