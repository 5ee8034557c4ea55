/** The logs of one directory, each open once. */
import type { OpenedLog } from "../../ports.ts";
import type { Disk } from "./disk.ts";
import { FileLog } from "./file-log.ts";
import { checkName } from "./record.ts";

export class FileLogs {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #logs = new Map<string, Promise<OpenedLog & { readonly log: FileLog }>>();

  constructor(disk: Disk, dir: string) {
    this.#disk = disk;
    this.#dir = dir;
  }

  /** Opens a log, and closes what was opened under its name before. Throws `store-damaged`. */
  open(name: string): Promise<OpenedLog> {
    checkName(name);
    const opening = this.#reopen(name, this.#logs.get(name));
    this.#logs.set(name, opening);
    return opening;
  }

  /** Closes all of them, whatever becomes of one; then throws the first fault that nobody was told of. */
  async close(): Promise<void> {
    if (this.#logs.size === 0) return;
    const ends = await Promise.allSettled([...this.#logs.values()].map(closed));
    const failed = ends.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  async #reopen(name: string, before: Promise<{ readonly log: FileLog }> | undefined) {
    if (before !== undefined) await closed(before);
    return FileLog.open(this.#disk, this.#dir, name);
  }
}

/** Nothing is to be closed where the opening failed: its caller was told. */
const closed = (opening: Promise<{ readonly log: FileLog }>): Promise<void> =>
  opening.then(
    ({ log }) => log.close(),
    () => {},
  );
