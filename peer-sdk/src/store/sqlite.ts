/** A peer's store on node:sqlite: one file and the logs beside it, one process, every commit on disk before it returns. */
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readSync,
  statSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LeptaError } from "@lepta/protocol";
import type { PeerStore } from "../ports.ts";
import { damaged } from "./damaged.ts";
import { nodeDisk } from "./log/disk.ts";
import { FileLogs } from "./log/file-logs.ts";

const FILE = "lepta.sqlite";
/** "Lept" in ASCII: says that a database is ours. */
const APPLICATION_ID = 0x4c657074;
const FORMAT = 3;
/** Of a database of SQLite, in bytes: its header, and its smallest page. */
const HEADER = 100;
const SMALLEST_PAGE = 512;

/**
 * Opens or creates the store of a directory. Throws `store-locked` where another process has it open, `store-damaged`
 * where the file is not ours or cannot be read, or the directory is none that we can write to; all is then left as it is.
 */
export function sqlitePeerStore(dir: string): PeerStore {
  const file = join(dir, FILE);
  withDirectory(dir, () => prepare(dir, file));
  checkFile(file);
  withDirectory(dir, () => chmodSync(file, 0o600));
  const database = openDatabase(file);
  const select = database.prepare("SELECT value FROM entries WHERE key = ?");
  // Of two lower bounds SQLite begins at the one that stands first, and would read all that lies before the prefix: it is given
  // the higher of the two, and the plus keeps it from the other.
  const from = "SELECT key, value FROM entries WHERE key >= max(?1, ?2) AND +key > ?1";
  const range = database.prepare(`${from} AND key < ?3 ORDER BY key LIMIT ?4`);
  const rest = database.prepare(`${from} ORDER BY key LIMIT ?3`);
  const upsert = database.prepare(
    "INSERT INTO entries (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
  );
  const remove = database.prepare("DELETE FROM entries WHERE key = ?");
  const begin = database.prepare("BEGIN IMMEDIATE");
  const commit = database.prepare("COMMIT");
  // The database's lock covers them: it is taken before the first is opened, and given back when the last is closed.
  const logs = new FileLogs(nodeDisk, dir);
  let isOpen = true;
  let closing: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    isOpen = false;
    try {
      await logs.close();
    } finally {
      database.close();
    }
  };
  /** What SQLite says of its file in our words. */
  const guarded = async <T>(work: () => T): Promise<T> => {
    if (!isOpen) throw new LeptaError("closed", file);
    try {
      return work();
    } catch (error) {
      if (error instanceof Error && /malformed|corrupt|not a database/i.test(error.message))
        throw damaged(file, error.message);
      throw error;
    }
  };
  return {
    get: (key) => guarded(() => bytesOf(select.get(key))),
    list: (prefix, { after = "", limit = -1 } = {}) =>
      guarded(() => {
        const end = successor(prefix);
        const rows =
          end === undefined ? rest.all(after, prefix, limit) : range.all(after, prefix, end, limit);
        return rows.map((row) => [String(row.key), given(bytesOf(row))] as const);
      }),
    commit: (changes) =>
      guarded(() => {
        begin.run();
        try {
          for (const { key, value } of changes) {
            if (value === undefined) remove.run(key);
            else upsert.run(key, value);
          }
          commit.run();
        } catch (error) {
          database.exec("ROLLBACK");
          throw error;
        }
      }),
    openLog: async (name) => {
      if (!isOpen) throw new LeptaError("closed", file);
      return logs.open(name);
    },
    close: () => {
      closing ??= end();
      return closing;
    },
  };
}

/** The least key after all that begin with the prefix; undefined where there is none. */
function successor(prefix: string): string | undefined {
  const characters = [...prefix];
  const last = characters.pop()?.codePointAt(0);
  if (last === undefined) return undefined;
  return last < 0x10ffff
    ? characters.join("") + String.fromCodePoint(last + 1)
    : successor(characters.join(""));
}

/** Makes the directory and the file where they are absent. */
function prepare(dir: string, file: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  // SQLite writes more than its file: a log, which must be possible too.
  accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  // The file is its owner's alone from the first byte on; SQLite gives its log the same mode.
  closeSync(openSync(file, "a+", 0o600));
}

/** What the operating system refuses, in our words. */
function withDirectory(dir: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    const fault = UNUSABLE[code] ?? `cannot be used (${wordsOf(error)})`;
    throw new LeptaError("store-damaged", `${resolve(dir)} ${fault}: choose another directory`);
  }
}

/** What the operating system says of a path that is no directory for us. */
const UNUSABLE: Readonly<Record<string, string>> = {
  EEXIST: "is a file",
  ENOTDIR: "is below a file",
  EISDIR: `holds a directory ${FILE}`,
  EACCES: "may not be written to by this user",
  EPERM: "may not be written to by this user",
  EROFS: "is on a disk that is only for reading",
};

/** Closing a database writes what its log still holds into it: what may not be ours is only opened for reading. */
function checkFile(file: string): void {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    if (judge(database, file) === "ours" && isCutShort(file)) throw new Error("it was cut short");
  } catch (error) {
    // Our own making of it was cut short; only a writer can take that back.
    if (!/readonly/i.test(wordsOf(error))) throw inOurWords(error, file);
  } finally {
    database.close();
  }
}

function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  try {
    // The first read takes the lock and, in this mode, keeps it until the database is closed. What is removed, a spent
    // scrip's salt, is overwritten.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA secure_delete = ON;");
    if (judge(database, file) === "empty") create(database);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT;");
    return database;
  } catch (error) {
    database.close();
    throw inOurWords(error, file);
  }
}

/** Whether a database is a store of ours, or one that is still to be made. Throws `store-damaged` where it is neither. */
function judge(database: DatabaseSync, file: string): "ours" | "empty" {
  const { application_id: id } = database.prepare("PRAGMA application_id").get() ?? {};
  const { user_version: format } = database.prepare("PRAGMA user_version").get() ?? {};
  const { tables } = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get() ?? {};
  // What SQLite takes for an empty database may be the rest of another file.
  if (id === 0 && tables === 0 && isWhole(file)) return "empty";
  if (id !== APPLICATION_ID)
    throw new LeptaError(
      "store-damaged",
      `${file} is not a Lepta store: move it away, or choose another directory`,
    );
  if (format !== FORMAT)
    throw new LeptaError(
      "store-damaged",
      `${file} has format ${format}, and this version of Lepta reads format ${FORMAT}: use the version that wrote it`,
    );
  return "ours";
}

function inOurWords(error: unknown, file: string): LeptaError {
  if (error instanceof LeptaError) return error;
  const message = wordsOf(error);
  return /locked|busy/i.test(message)
    ? new LeptaError(
        "store-locked",
        `${file}: close the wallet or merchant that uses it, or choose another directory`,
      )
    : damaged(file, message);
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function isWhole(file: string): boolean {
  const { size } = statSync(file);
  return size === 0 || size >= SMALLEST_PAGE;
}

/**
 * Whether the file ends before its last page, which SQLite would notice only when it reads that page. While the log holds
 * something the file may be behind its own header, and the log completes it.
 */
function isCutShort(file: string): boolean {
  if ((statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) return false;
  const header = new DataView(new ArrayBuffer(HEADER));
  const descriptor = openSync(file, "r");
  try {
    readSync(descriptor, header, 0, HEADER, 0);
  } finally {
    closeSync(descriptor);
  }
  const pageSize = header.getUint16(16);
  // The format writes the largest size, which 16 bits cannot hold, as 1.
  return statSync(file).size < (pageSize === 1 ? 65_536 : pageSize) * header.getUint32(28);
}

function create(database: DatabaseSync): void {
  database.exec(
    `BEGIN EXCLUSIVE;
     CREATE TABLE entries (key TEXT PRIMARY KEY, value BLOB NOT NULL);
     PRAGMA application_id = ${APPLICATION_ID};
     PRAGMA user_version = ${FORMAT};
     COMMIT;`,
  );
}

function bytesOf(row: Readonly<Record<string, unknown>> | undefined): Uint8Array | undefined {
  return row?.value instanceof Uint8Array ? row.value : undefined;
}

function given(value: Uint8Array | undefined): Uint8Array {
  if (value === undefined) throw new LeptaError("store-damaged", "an entry without a value");
  return value;
}
