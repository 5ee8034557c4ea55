/** One database of IndexedDB: opened or made, with promises for its transactions and our words for its faults. */
import { LeptaError } from "@lepta/protocol/core";

const FORMAT = 1;
/** Keys and values; records of logs; private keys that are objects. */
const TABLES = ["entries", "records", "keys"] as const;
type TableName = (typeof TABLES)[number];

export interface Database {
  readonly name: string;
  read<T>(table: TableName, ask: (table: IDBObjectStore) => IDBRequest<T>): Promise<T>;
  /** Two answers of one moment. */
  readBoth<A, B>(
    table: TableName,
    ask: (table: IDBObjectStore) => readonly [IDBRequest<A>, IDBRequest<B>],
  ): Promise<readonly [A, B]>;
  /** All of it or nothing; durable when it returns. */
  write(table: TableName, change: (table: IDBObjectStore) => void): Promise<void>;
  /** Waits for no transaction: those under way end first. */
  close(): void;
}

/** Throws `store-damaged` where the database is not ours or cannot be read; `lost` is told where the browser closes it. */
export async function openDatabase(factory: IDBFactory, name: string, lost: () => void): Promise<Database> {
  const connection = await connect(factory, name);
  if (TABLES.some((table) => !connection.objectStoreNames.contains(table))) {
    connection.close();
    throw new LeptaError("store-damaged", `${name} is not a Lepta store: choose another name`);
  }
  connection.onclose = lost;
  const run = <T>(table: TableName, mode: IDBTransactionMode, work: (table: IDBObjectStore) => () => T) =>
    transact(connection, table, mode, work).catch((error: unknown) => {
      throw inOurWords(error, name, mode);
    });
  return {
    name,
    read: (table, ask) =>
      run(table, "readonly", (it) => {
        const request = ask(it);
        return () => request.result;
      }),
    readBoth: (table, ask) =>
      run(table, "readonly", (it) => {
        const [one, two] = ask(it);
        return () => [one.result, two.result] as const;
      }),
    write: (table, change) =>
      run(table, "readwrite", (it) => {
        change(it);
        return () => undefined;
      }),
    close: () => connection.close(),
  };
}

/** What is kept of a view is the whole of what it looks at: a few bytes of a message would keep the message. */
export const ownBytes = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer?.byteLength ? bytes : bytes.slice();

/** A value as it was written. Throws `store-damaged` where it is none of ours. */
export function bytesOf(value: unknown, key: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new LeptaError("store-damaged", `${key}: no bytes`);
}

/** A key as it was written. Throws `store-damaged` where it is none of ours. */
export function textOf(key: IDBValidKey): string {
  try {
    if (key instanceof ArrayBuffer) return decoder.decode(key);
  } catch {
    // Bytes that are no UTF-8 were never written by us.
  }
  throw new LeptaError("store-damaged", "a key that is no text");
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function connect(factory: IDBFactory, name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, FORMAT);
    let fault: LeptaError | undefined;
    request.onupgradeneeded = ({ oldVersion }) => {
      // A later format will know how to read this one; what is older than the first was made by somebody else.
      if (oldVersion === 0) for (const table of TABLES) request.result.createObjectStore(table);
      else {
        fault = new LeptaError(
          "store-damaged",
          `${name} has format ${oldVersion}: this version reads ${FORMAT}`,
        );
        request.transaction?.abort();
      }
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(fault ?? unreadable(request.error, name));
  });
}

const unreadable = (error: DOMException | null, name: string): LeptaError =>
  error?.name === "VersionError"
    ? new LeptaError(
        "store-damaged",
        `${name} has a later format, and this version of Lepta reads format ${FORMAT}: use the version that wrote it`,
      )
    : new LeptaError("store-damaged", `${name} cannot be opened (${error?.name}: ${error?.message})`);

function transact<T>(
  connection: IDBDatabase,
  table: TableName,
  mode: IDBTransactionMode,
  work: (table: IDBObjectStore) => () => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    // Strict: the operating system has written it when we are told so, not only taken it in.
    const transaction = connection.transaction(table, mode, { durability: "strict" });
    transaction.onabort = () => reject(transaction.error ?? new DOMException(mode, "AbortError"));
    try {
      const result = work(transaction.objectStore(table));
      transaction.oncomplete = () => resolve(result());
    } catch (error) {
      // Nothing of what was asked for before it may stay.
      reject(error);
      transaction.abort();
    }
  });
}

/** What the browser says in our words; a caller's own mistake is told as it is. */
function inOurWords(error: unknown, name: string, mode: IDBTransactionMode): unknown {
  if (!(error instanceof DOMException)) return error;
  const said = `${name}: ${error.name}: ${error.message}`;
  if (error.name === "InvalidStateError" || error.name === "AbortError")
    return new LeptaError("closed", said);
  if (error.name === "QuotaExceededError")
    return new LeptaError("internal", `${name}: the browser gives no more room: free some, nothing was kept`);
  return mode === "readonly" ? new LeptaError("store-damaged", said) : error;
}
