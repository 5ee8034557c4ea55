/** The logs of one database, each open once. */
import type { OpenedLog } from "../../ports.ts";
import { checkName } from "../log/record.ts";
import type { Database } from "./database.ts";
import { IndexedLog } from "./log.ts";

export class IndexedLogs {
  readonly #database: Database;
  readonly #logs = new Map<string, Promise<OpenedLog & { readonly log: IndexedLog }>>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Opens a log, and closes what was opened under its name before. Throws `store-damaged`. */
  open(name: string): Promise<OpenedLog> {
    checkName(name);
    const opening = this.#reopen(name, this.#logs.get(name));
    this.#logs.set(name, opening);
    return opening;
  }

  /** Closes all of them, whatever becomes of one; then throws the first fault. */
  async close(): Promise<void> {
    const ends = await Promise.allSettled([...this.#logs.values()].map(closed));
    const failed = ends.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  async #reopen(name: string, before: Promise<{ readonly log: IndexedLog }> | undefined) {
    if (before !== undefined) await closed(before);
    return IndexedLog.open(this.#database, name);
  }
}

/** Nothing is to be closed where the opening failed: its caller was told. */
const closed = (opening: Promise<{ readonly log: IndexedLog }>): Promise<void> =>
  opening.then(
    ({ log }) => log.close(),
    () => {},
  );
