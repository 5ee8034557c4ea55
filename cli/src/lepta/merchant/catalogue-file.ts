/** The files of a catalogue: plain ones of a bounded size, below its directory wherever links lead. */
import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { isAbsolute, join, sep } from "node:path";
import { limits } from "@lepta/protocol";

/** What is wrong with one item, and how to mend it. */
export class ItemFault extends Error {
  override readonly name = "ItemFault";
}

/** A file below this directory, links followed and then judged by where they lead. */
export async function readFileBelow(base: string, name: string): Promise<Uint8Array> {
  const isBelow = (path: string): boolean => path.startsWith(base.endsWith(sep) ? base : base + sep);
  const place = join(base, name);
  if (name === "" || isAbsolute(name) || name.includes("\0") || !isBelow(place))
    throw new ItemFault(
      `its file ${JSON.stringify(name)} is not below the catalogue's directory: move it there`,
    );
  try {
    const real = await realpath(place);
    if (!isBelow(real))
      throw new ItemFault(
        `its file ${JSON.stringify(name)} leads out of the catalogue's directory: put the file itself there`,
      );
    // What it leads to was judged: a link that takes its place meanwhile is not followed.
    return await readBounded(real, limits.deliveryBytes, name, constants.O_NOFOLLOW);
  } catch (error) {
    if (error instanceof ItemFault) throw error;
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR")
      throw new ItemFault(
        `its file ${JSON.stringify(name)} is not there: check the path, which begins at the catalogue`,
      );
    if (code === "EACCES")
      throw new ItemFault(`its file ${JSON.stringify(name)} may not be read: mend its permissions`);
    if (code === "ELOOP")
      throw new ItemFault(
        `its file ${JSON.stringify(name)} leads around in a circle: put the file itself there`,
      );
    throw error;
  }
}

/** A plain file of at most so many bytes, and nothing else: a pipe would be waited for, a device never ends. */
export async function readBounded(path: string, most: number, name: string, flags = 0): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new ItemFault(`${JSON.stringify(name)} is no file: name one`);
    if (found.size > most)
      throw new ItemFault(
        `${JSON.stringify(name)} has ${found.size} bytes, and ${most} are the most: split it`,
      );
    return new Uint8Array(await file.readFile());
  } finally {
    await file.close();
  }
}
