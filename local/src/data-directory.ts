/** The embedded cloud's directory: one process at a time, and a table that is ours before the engine may touch it. */
import { accessSync, closeSync, constants, mkdirSync, openSync, readSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** The names of the files in it. */
export const fileName = {
  lock: "lock.sqlite",
  table: "table.sqlite",
  keys: "kms.json",
  /** A directory: the journal's objects. */
  objects: "s3",
  /** How far the table's stream is in the journal. */
  position: "stream.json",
  /** Only while the cloud runs: where `lepta-admin` reaches it. */
  admin: "lepta-admin.json",
} as const;

/**
 * Takes the directory, which is created where it is absent, and gives what releases it. The lock is the operating
 * system's: it goes with the process, however that ends. Throws where another process holds it, and where it is no
 * directory that can be written to.
 */
export function lockDirectory(dir: string): () => void {
  const file = join(dir, fileName.lock);
  prepare(dir, file);
  const lock = new DatabaseSync(file);
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (!isBusy(error))
      throw new Error(
        `The lock ${file} cannot be taken: ${wordsOf(error)}. Remove this file and start again.`,
      );
    throw new Error(
      `The data in ${resolve(dir)} is in use by another embedded broker. Stop that one first (Ctrl-C where it runs), ` +
        "or give this one a directory of its own with --data.",
    );
  }
  return () => lock.close();
}

/** Makes the directory and the lock's file where they are absent. */
function prepare(dir: string, file: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    closeSync(openSync(file, "a+", 0o600));
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    const fault = UNUSABLE[code] ?? `cannot be used (${wordsOf(error)})`;
    throw new Error(`${resolve(dir)} ${fault}. Nothing was changed. Choose another directory with --data.`);
  }
}

/** What the operating system says of a path that is no directory for us. */
const UNUSABLE: Readonly<Record<string, string>> = {
  EEXIST: "is a file",
  ENOTDIR: "is below a file",
  EISDIR: `holds a directory ${fileName.lock}`,
  EACCES: "may not be written to by this user",
  EPERM: "may not be written to by this user",
  EROFS: "is on a disk that is only for reading",
};

/**
 * Checks the table's file before the engine opens it, because the engine would write into any database and takes a few
 * bytes for an empty one. Waits for an engine whose process was killed to be gone. Throws, and changes nothing, where
 * the file is not a table of ours or is damaged.
 */
export function checkTableFile(file: string): void {
  const path = resolve(file);
  const start = readStart(path);
  if (start === undefined || start.length === 0) return;
  if (start.toString("latin1") !== SQLITE_MAGIC) throw damaged(path, "it is not a database");
  try {
    checkOwner(path);
    checkWhole(path);
  } catch (error) {
    if (error instanceof TableFault) throw error;
    if (isBusy(error))
      throw new TableFault(
        `The table ${path} is open in another process. End that process, and start again.`,
      );
    throw damaged(path, wordsOf(error));
  }
}

/** The first bytes of every SQLite database. */
const SQLITE_MAGIC = "SQLite format 3\0";
/** The engine's own tables: it makes them in every database that it opens. */
const ENGINE_TABLES = ["_config", "_tables"];
/** How long an engine may take to go after the process that ran it was killed, in milliseconds. */
const ORPHAN_PATIENCE = 5_000;

class TableFault extends Error {}

const damaged = (path: string, reason: string): TableFault =>
  new TableFault(
    `The table ${path} is damaged: ${reason}. Nothing was changed. Restore the whole directory from a copy, or start ` +
      "with an empty one: the money in this table is then gone.",
  );

/** Undefined where there is no file. */
function readStart(path: string): Buffer | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  const descriptor = openSync(path, "r");
  try {
    const start = Buffer.alloc(SQLITE_MAGIC.length);
    return start.subarray(0, readSync(descriptor, start, 0, start.length, 0));
  } finally {
    closeSync(descriptor);
  }
}

/** Reads only: another program's database stays as it is. */
function checkOwner(path: string): void {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    database.exec(`PRAGMA busy_timeout = ${ORPHAN_PATIENCE}`);
    const names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    const isOurs =
      names.length === 0 || ENGINE_TABLES.every((table) => names.some(({ name }) => name === table));
    if (!isOurs)
      throw new TableFault(
        `${path} is another program's database, not a table of the embedded broker. Nothing was changed. Move it ` +
          "away, or give the broker a directory of its own with --data.",
      );
  } finally {
    database.close();
  }
}

/** Alone with the file: an engine that still ends has then ended, and what it left in its log is in the table. */
function checkWhole(path: string): void {
  const database = new DatabaseSync(path);
  try {
    database.exec(`PRAGMA busy_timeout = ${ORPHAN_PATIENCE}`);
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;");
    const { quick_check: found } = database.prepare("PRAGMA quick_check(1)").get() ?? {};
    if (found !== "ok") throw damaged(path, String(found).replaceAll("\n", " "));
  } finally {
    database.close();
  }
}

const isBusy = (error: unknown): boolean => /locked|busy/i.test(wordsOf(error));
const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
