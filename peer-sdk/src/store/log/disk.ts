/** What a log asks of a file system: few files in one directory, and writes that are durable when they return. */
import { close, constants, fdatasync, fsync, ftruncate, open, write } from "node:fs";
import { chmod, readdir, readFile, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

export interface Disk {
  /** The names in a directory. */
  names(dir: string): Promise<readonly string[]>;
  read(path: string): Promise<Uint8Array>;
  /** A new file, its owner's alone, that begins with these bytes; durable, its name too. */
  create(path: string, bytes: Uint8Array): Promise<DiskFile>;
  /** A file that is there, to be written to; its owner's alone from now on. */
  open(path: string): Promise<DiskFile>;
  remove(path: string): Promise<void>;
}

export interface DiskFile {
  /** Durable when it returns. One at a time. */
  write(bytes: Uint8Array, at: number): Promise<void>;
  /** Durable when it returns. */
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * On Linux a write to such a file returns when it is durable: one turn through the pool of threads where a write and a sync
 * are two. Elsewhere the flag is missing, or does not reach beyond the disk's own cache.
 */
const SYNCED = process.platform === "linux" ? constants.O_DSYNC : 0;
const MODE = 0o600;

/** The machine's own. */
export const nodeDisk: Disk = {
  names: (dir) => readdir(dir),
  read: (path) => readFile(path),
  create: async (path, bytes) => {
    const { O_WRONLY, O_CREAT, O_EXCL } = constants;
    const file = fileOf(await openFile(path, O_WRONLY | O_CREAT | O_EXCL | SYNCED, MODE));
    try {
      await file.write(bytes, 0);
      await syncDirectory(dirname(path));
    } catch (error) {
      await file.close();
      throw error;
    }
    return file;
  },
  open: async (path) => {
    await chmod(path, MODE);
    return fileOf(await openFile(path, constants.O_WRONLY | SYNCED, MODE));
  },
  remove: (path) => unlink(path),
};

function fileOf(descriptor: number): DiskFile {
  return {
    write: async (bytes, at) => {
      await writeAll(descriptor, bytes, at);
      if (SYNCED === 0) await dataSync(descriptor);
    },
    truncate: async (size) => {
      await truncateTo(descriptor, size);
      await dataSync(descriptor);
    },
    close: () => closeFile(descriptor),
  };
}

const openFile = promisify(open);
const syncFile = promisify(fsync);
const dataSync = promisify(fdatasync);
const truncateTo = promisify(ftruncate);
const closeFile = promisify(close);

/** A disk that is nearly full takes a part, and refuses the rest in words. */
function writeAll(descriptor: number, bytes: Uint8Array, at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (from: number): void =>
      write(descriptor, bytes, from, bytes.length - from, at + from, (error, written) => {
        if (error !== null) reject(error);
        else if (written === bytes.length - from) resolve();
        else if (written === 0) reject(new Error("the disk takes no more"));
        else next(from + written);
      });
    next(0);
  });
}

/** Windows has no way to sync a directory, and keeps a new name by itself. */
async function syncDirectory(dir: string): Promise<void> {
  if (process.platform === "win32") return;
  const descriptor = await openFile(dir, constants.O_RDONLY, MODE);
  try {
    await syncFile(descriptor);
  } finally {
    await closeFile(descriptor);
  }
}
