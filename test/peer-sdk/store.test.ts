import { spawn } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { indexedDbPeerStore, memoryPeerStore, sqlitePeerStore } from "@lepta/peer-sdk";
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testStore } from "./support/store-contract.ts";
import { codeOf } from "./support/world.ts";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
const put = (key: string, ...values: number[]) => ({ key, value: bytes(...values) });

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "lepta-store-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const stores = [
  ["memory", () => memoryPeerStore()],
  ["node:sqlite", () => sqlitePeerStore(dir)],
  ["IndexedDB", () => indexedDbPeerStore("contract", { factory: new IDBFactory() })],
] as const;

describe.each(stores)("the peer store %s", (_name, open) => testStore(open));

describe("the store on disk", () => {
  const file = (): string => join(dir, "lepta.sqlite");

  test("has everything after it was closed and opened again", async () => {
    const first = sqlitePeerStore(dir);
    await first.commit([put("a", 1), put("b", 2)]);
    await first.commit([{ key: "a", value: undefined }]);
    await first.close();
    const second = sqlitePeerStore(dir);
    expect(await second.list("")).toEqual([["b", bytes(2)]]);
    await second.close();
  });

  test("may be closed twice", async () => {
    const store = sqlitePeerStore(dir);
    await store.close();
    await store.close();
  });

  test("has every commit that returned when its process is killed", async () => {
    const script = `
      import { sqlitePeerStore } from ${JSON.stringify(import.meta.resolve("@lepta/peer-sdk"))};
      const store = sqlitePeerStore(${JSON.stringify(dir)});
      for (let i = 0; i < 20; i += 1) {
        await store.commit([{ key: "n/" + i, value: new Uint8Array([i]) }]);
      }
      process.stdout.write("committed", () => process.kill(process.pid, "SIGKILL"));
    `;
    expect(await runScript(script)).toEqual({ out: "committed", signal: "SIGKILL" });
    const store = sqlitePeerStore(dir);
    expect(await store.list("n/")).toHaveLength(20);
    await store.close();
  });

  test("a commit of which one change cannot be written leaves nothing behind", async () => {
    const store = sqlitePeerStore(dir);
    await store.commit([put("a", 1)]);
    const notAValue = { key: "d", value: Symbol("no bytes") as unknown as Uint8Array };
    await expect(store.commit([put("a", 2), put("b", 2), notAValue])).rejects.toThrow();
    expect(await store.list("")).toEqual([["a", bytes(1)]]);
    await store.commit([put("b", 3)]);
    expect(await store.get("b")).toEqual(bytes(3));
    await store.close();
  });

  test("a second handle on the directory is refused with store-locked, and the first goes on", async () => {
    const first = sqlitePeerStore(dir);
    expect(await codeOf((async () => sqlitePeerStore(dir))())).toBe("store-locked");
    await first.commit([put("a", 1)]);
    expect(await first.get("a")).toEqual(bytes(1));
    await first.close();
    await sqlitePeerStore(dir).close();
  });

  test("a second process on the directory is refused with store-locked", async () => {
    const first = sqlitePeerStore(dir);
    await first.commit([put("a", 1)]);
    const script = `
      import { sqlitePeerStore } from ${JSON.stringify(import.meta.resolve("@lepta/peer-sdk"))};
      try {
        sqlitePeerStore(${JSON.stringify(dir)});
        process.stdout.write("opened");
      } catch (error) {
        process.stdout.write(String(error.code));
      }
    `;
    expect(await runScript(script)).toEqual({ out: "store-locked", signal: null });
    await first.close();
  });

  test("a path that is a file, or lies below one, is refused with store-damaged and words that name it", async () => {
    const path = join(dir, "notes.txt");
    writeFileSync(path, "notes");
    const below = join(path, "wallet");
    expect(() => sqlitePeerStore(path)).toThrow(`${path} is a file: choose another directory`);
    expect(() => sqlitePeerStore(below)).toThrow(`${below} is below a file: choose another directory`);
    for (const each of [path, below])
      expect(await codeOf((async () => sqlitePeerStore(each))())).toBe("store-damaged");
    expect(readFileSync(path, "utf8")).toBe("notes");
  });

  test("a directory in which a directory has the store's name is refused with store-damaged", async () => {
    mkdirSync(file());
    expect(await codeOf((async () => sqlitePeerStore(dir))())).toBe("store-damaged");
    expect(() => sqlitePeerStore(dir)).toThrow(`${dir} holds a directory lepta.sqlite`);
  });

  test("a directory that we may not write to is refused with store-damaged and words that say so", async () => {
    await sqlitePeerStore(dir).close();
    chmodSync(file(), 0o666);
    chmodSync(dir, 0o555);
    // Whoever may do everything would not be refused.
    const script = `
      import { sqlitePeerStore } from ${JSON.stringify(import.meta.resolve("@lepta/peer-sdk"))};
      if (process.getuid() === 0) process.setuid(65534);
      try {
        sqlitePeerStore(${JSON.stringify(dir)});
        process.stdout.write("opened");
      } catch (error) {
        process.stdout.write(error.code + ": " + error.message);
      }
    `;
    const { out } = await runScript(script);
    chmodSync(dir, 0o755);
    expect(out).toMatch(/^store-damaged: /);
    expect(out).toContain(`${dir} may not be written to by this user: choose another directory`);
  });

  test("a file that is no database is refused with store-damaged and left as it is", async () => {
    const contents = "these are somebody's notes, not a store\n".repeat(40);
    writeFileSync(file(), contents);
    expect(await codeOf((async () => sqlitePeerStore(dir))())).toBe("store-damaged");
    expect(readFileSync(file(), "utf8")).toBe(contents);
  });

  test("another program's database is refused with store-damaged and left as it is, byte for byte", async () => {
    const other = new DatabaseSync(file());
    other.exec("CREATE TABLE photos (name TEXT); INSERT INTO photos VALUES ('cat')");
    other.close();
    const before = readFileSync(file());
    expect(await codeOf((async () => sqlitePeerStore(dir))())).toBe("store-damaged");
    expect(readFileSync(file()).equals(before)).toBe(true);
  });

  test("a store of another format version is refused with store-damaged and keeps its data", async () => {
    const store = sqlitePeerStore(dir);
    await store.commit([put("a", 1)]);
    await store.close();
    setFormat(1);
    expect(await codeOf((async () => sqlitePeerStore(dir))())).toBe("store-damaged");
    setFormat(3);
    const again = sqlitePeerStore(dir);
    expect(await again.get("a")).toEqual(bytes(1));
    await again.close();
  });

  test("a file cut short is refused with store-damaged, when it is opened or when it is read", async () => {
    const store = sqlitePeerStore(dir);
    await store.commit(Array.from({ length: 400 }, (_, i) => put(`key/${i}`, ...new Uint8Array(200))));
    await store.close();
    const whole = readFileSync(file()).length;
    for (const length of [whole / 2, 5000, 600, 100, 1]) {
      truncateSync(file(), Math.floor(length));
      expect(await codeOf(readAll()), `cut to ${length} bytes`).toBe("store-damaged");
    }
  });

  test("bytes that were overwritten in the middle are refused with store-damaged when they are read", async () => {
    const store = sqlitePeerStore(dir);
    await store.commit(Array.from({ length: 400 }, (_, i) => put(`key/${i}`, ...new Uint8Array(200))));
    await store.close();
    const damaged = readFileSync(file());
    damaged.fill(0xff, 4096);
    writeFileSync(file(), damaged);
    expect(await codeOf(readAll())).toBe("store-damaged");
  });

  test("a store whose making was cut short before anything was in it can be opened", async () => {
    // A process that dies between creating the file and the first commit leaves an empty one.
    writeFileSync(file(), "");
    const store = sqlitePeerStore(dir);
    await store.commit([put("a", 1)]);
    await store.close();
  });

  async function readAll(): Promise<void> {
    const store = sqlitePeerStore(dir);
    try {
      await store.list("");
    } finally {
      await store.close();
    }
  }

  function setFormat(version: number): void {
    const database = new DatabaseSync(file());
    database.exec(`PRAGMA user_version = ${version}`);
    database.close();
  }
});

async function runScript(script: string): Promise<{ readonly out: string; readonly signal: string | null }> {
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--no-warnings", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  const signal = await new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (_code, by) => resolve(by));
  });
  return { out, signal };
}
