/** Files that are their owner's alone: written whole or not at all, and never over another. */
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Puts the file in place of the one that is there; after a crash there is the one or the other. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await writeNew(draft, content);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Writes a file that is not there yet, mode 0600. Throws `EEXIST`; what could not be written whole is not left there. */
export async function writeNewFile(path: string, content: string | Uint8Array): Promise<void> {
  await writeNew(path, content);
  await syncDirectory(dirname(path));
}

async function writeNew(path: string, content: string | Uint8Array): Promise<void> {
  // Follows no link: where there is one, the file exists.
  const file = await open(path, "wx", 0o600);
  try {
    await write(file, content);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

async function write(file: FileHandle, content: string | Uint8Array): Promise<void> {
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
