/** Objects as files: a key's parts are directories, written so that no key is a path of its own. */
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { S3Fault } from "./request.ts";

export interface Listed {
  readonly key: string;
  readonly size: number;
}

/** The objects below this directory. */
export function objectFiles(dir: string) {
  return {
    /** Whole or not at all, and on the disk once this resolves. */
    put: async (bucket: string, key: string, body: Uint8Array): Promise<void> => {
      const file = fileOf(dir, bucket, key);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      const fresh = join(dirname(file), `${randomUUID()}${UNFINISHED}`);
      try {
        await writeDurably(fresh, body);
        await rename(fresh, file);
      } catch (error) {
        await rm(fresh, { force: true });
        throw error;
      }
    },
    /** Undefined where there is no such object. */
    get: async (bucket: string, key: string): Promise<Buffer | undefined> => {
      try {
        return await readFile(fileOf(dir, bucket, key));
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    },
    /** In the order of the keys' UTF-8 bytes, as S3 lists them: those that begin with `prefix` and come behind `after`. */
    list: async (bucket: string, prefix: string, after: string, most: number): Promise<readonly Listed[]> => {
      const keys: string[] = [];
      // Whole parts of the prefix are directories: the others need not be looked through.
      const parts = prefix.split("/").slice(0, -1);
      const start = join(dir, bucket, ...parts.map((part) => segment(part) + DIRECTORY));
      await collect(start, parts.map((part) => `${part}/`).join(""), keys);
      const found = keys
        .map((key) => ({ key, bytes: Buffer.from(key) }))
        .filter(({ key, bytes }) => key.startsWith(prefix) && bytes.compare(Buffer.from(after)) > 0)
        .sort((a, b) => a.bytes.compare(b.bytes))
        .slice(0, most);
      return Promise.all(
        found.map(async ({ key }) => ({ key, size: (await stat(fileOf(dir, bucket, key))).size })),
      );
    },
  };
}

/** Neither occurs in what `encodeURIComponent` makes, so a file's name says what it is, and `..` is only a name. */
const DIRECTORY = "%d";
const OBJECT = "%o";
const UNFINISHED = "%t";
/** Bytes: S3's limit for a key, and a file system's for a name. */
const LONGEST_KEY = 1024;
const LONGEST_NAME = 255;

function fileOf(dir: string, bucket: string, key: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they cannot be written in XML.
  if (Buffer.byteLength(key) > LONGEST_KEY || /[\u0000-\u001f\ufffe\uffff]/.test(key) || !key.isWellFormed())
    throw new S3Fault(400, "InvalidArgument", "The development S3 cannot keep this key");
  const parts = key.split("/");
  const last = parts.pop() ?? "";
  const names = [...parts.map((part) => segment(part) + DIRECTORY), segment(last) + OBJECT];
  if (names.some((name) => name.length > LONGEST_NAME))
    throw new S3Fault(400, "KeyTooLongError", "A part of the key is too long for a file's name");
  return join(dir, bucket, ...names);
}

const segment = (part: string): string => encodeURIComponent(part).replaceAll("*", "%2A");

async function collect(dir: string, before: string, keys: string[]): Promise<void> {
  let names: readonly string[];
  try {
    names = await readdir(dir);
  } catch (error) {
    if (isAbsent(error)) return;
    throw error;
  }
  for (const name of names) {
    if (name.endsWith(OBJECT)) keys.push(before + decodeURIComponent(name.slice(0, -OBJECT.length)));
    else if (name.endsWith(DIRECTORY))
      await collect(
        join(dir, name),
        `${before}${decodeURIComponent(name.slice(0, -DIRECTORY.length))}/`,
        keys,
      );
  }
}

async function writeDurably(path: string, body: Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(body);
    await file.datasync();
  } finally {
    await file.close();
  }
}

function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}
