/** A log in files: what a crash or a fault of the disk leaves, byte by byte. */
import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqlitePeerStore } from "@lepta/peer-sdk";
import { LeptaError, limits } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Disk, type DiskFile, nodeDisk } from "../../peer-sdk/src/store/log/disk.ts";
import { FileLog } from "../../peer-sdk/src/store/log/file-log.ts";
import { GROUP, HEADER, RECORD, SEAL } from "../../peer-sdk/src/store/log/format.ts";
import { codeOf } from "./support/world.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "lepta-log-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
const file = (number: number): string => join(dir, `bought-0000000${number}.log`);
const open = (disk: Disk = nodeDisk) => FileLog.open(disk, dir, "bought");
const names = (): readonly string[] => readdirSync(dir).sort();

/** The first bytes of what is found; the log is closed again. */
async function foundIn(): Promise<readonly (number | undefined)[]> {
  const { log, found } = await open();
  await log.close();
  return found.map(({ record }) => record[0]);
}

/** Appends and syncs each, and gives what is on disk then, as a process that is killed leaves it, but for most of the zeros. */
async function leave(...records: readonly Uint8Array[]): Promise<Buffer> {
  const { log } = await open();
  for (const record of records) {
    log.append(record);
    await log.sync();
  }
  const left = readFileSync(file(1)).subarray(0, 4096);
  await log.close();
  return left;
}

/** Opens what must not be opened: told in words that name the file, and nothing has changed. */
async function expectDamaged(words: string | RegExp, number = 1): Promise<void> {
  const before = names().map((name) => [name, readFileSync(join(dir, name))]);
  const error = await open().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LeptaError);
  expect(error).toMatchObject({ code: "store-damaged" });
  expect((error as LeptaError).message).toContain(`${file(number)}: `);
  expect((error as LeptaError).message).toMatch(words);
  expect(names().map((name) => [name, readFileSync(join(dir, name))])).toEqual(before);
}

/** Two records that were synced one by one, and the third as it may have been cut short. */
const RECORDS = [bytes(1, 1, 1), bytes(2), bytes(3, 3, 3, 3, 3, 3)] as const;
const [, SECOND, THIRD] = [HEADER, HEADER + GROUP + RECORD + 3, HEADER + 2 * (GROUP + RECORD) + 4];
const END = THIRD + GROUP + RECORD + 6;

describe("the end of a log that a crash has cut short", () => {
  test.each(["missing", "zero"] as const)(
    "at any byte of the last record, %s from there, is cut off for good",
    async (how) => {
      const left = await leave(...RECORDS);
      expect(left.subarray(END).every((byte) => byte === 0)).toBe(true);
      for (let at = THIRD; at < END; at += 1) {
        for (const name of names()) rmSync(join(dir, name));
        writeFileSync(file(1), how === "zero" ? Buffer.from(left).fill(0, at) : left.subarray(0, at));
        const { log, found } = await open();
        expect([at, ...found.map(({ record }) => record)]).toEqual([at, RECORDS[0], RECORDS[1]]);
        log.append(bytes(4));
        await log.sync();
        await log.close();
        expect([at, ...(await foundIn())]).toEqual([at, 1, 2, 4]);
      }
    },
  );

  test("is cut off where any byte of the last record is another", async () => {
    const left = await leave(...RECORDS);
    for (let at = THIRD; at < END; at += 1) {
      const flipped = Buffer.from(left);
      flipped[at] = (flipped[at] ?? 0) ^ 0x40;
      writeFileSync(file(1), flipped);
      expect([at, ...(await foundIn())]).toEqual([at, 1, 2]);
      expect([at, ...(await foundIn())]).toEqual([at, 1, 2]);
    }
  });

  test("takes with it what was written at once: such records are there together or not at all", async () => {
    const { log } = await open();
    log.append(bytes(1));
    await log.sync();
    for (const record of [bytes(2), bytes(3), bytes(4)]) log.append(record);
    await log.sync();
    const left = readFileSync(file(1)).subarray(0, 4096);
    await log.close();
    const end = HEADER + 2 * GROUP + 4 * (RECORD + 1);
    for (let at = HEADER + GROUP + RECORD + 1; at <= end; at += 1) {
      writeFileSync(file(1), left.subarray(0, at));
      expect([at, ...(await foundIn())]).toEqual(at < end ? [at, 1] : [at, 1, 2, 3, 4]);
    }
  });

  test("may be a file that was not made to its end: it held nothing, and is gone", async () => {
    await leave(...RECORDS);
    const whole = Buffer.alloc(limits.logSegmentBytes);
    readFileSync(file(1)).copy(whole, 0, 0, HEADER);
    for (const unborn of [
      Buffer.alloc(0),
      whole.subarray(0, 5),
      Buffer.alloc(7),
      Buffer.alloc(whole.length),
    ]) {
      writeFileSync(file(2), unborn);
      expect(await foundIn()).toEqual([1, 2, 3]);
      expect(existsSync(file(2))).toBe(false);
    }
  });

  test("is not what was closed in good order: there any other byte is damage, and so is any that is missing", async () => {
    await leave(...RECORDS);
    const whole = readFileSync(file(1));
    expect(whole.length).toBe(END + SEAL);
    for (let at = 0; at < END; at += 1) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 0x01;
      writeFileSync(file(1), flipped);
      await expectDamaged(/restore the whole directory from a copy/);
    }
    writeFileSync(file(1), Buffer.concat([whole, bytes(0, 1)]));
    await expectDamaged(/something follows its end/);
  });
});

describe("damage", () => {
  test("before the last record is refused with store-damaged, though the end is open", async () => {
    const left = await leave(...RECORDS);
    for (let at = 0; at < THIRD; at += 1) {
      const flipped = Buffer.from(left);
      flipped[at] = (flipped[at] ?? 0) ^ 0x80;
      writeFileSync(file(1), flipped);
      await expectDamaged(/restore the whole directory from a copy/);
    }
    const holed = Buffer.from(left).fill(0, SECOND, THIRD);
    writeFileSync(file(1), holed);
    await expectDamaged(`the bytes at ${SECOND} are not those that were written`);
  });

  test("anywhere in a file that is not the last is refused, a missing end too", async () => {
    await leave(...RECORDS);
    await leave(bytes(4));
    const whole = readFileSync(file(1));
    expect(await foundIn()).toEqual([1, 2, 3, 4]);
    for (const length of [whole.length - 1, END, THIRD, HEADER, HEADER - 1, 0]) {
      writeFileSync(file(1), whole.subarray(0, length));
      await expectDamaged(/its end is missing|no log of ours/);
    }
    for (let at = 0; at < whole.length; at += 1) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      writeFileSync(file(1), flipped);
      await expectDamaged(/restore the whole directory from a copy/);
    }
  });

  test("is also a file of something else, of another format, in another's place, or a directory", async () => {
    writeFileSync(file(1), "these are somebody's notes, not a log\n");
    await expectDamaged("it is no log of ours");
    rmSync(file(1));
    await leave(bytes(1));
    const whole = readFileSync(file(1));
    rmSync(file(1));
    writeFileSync(file(2), whole);
    await expectDamaged("it is another file of this log", 2);
    rmSync(file(2));
    mkdirSync(file(1));
    await expect(open()).rejects.toMatchObject({ code: "store-damaged" });
  });
});

describe("files", () => {
  test("are their owner's alone, also where somebody had opened one wider, and lie beside the store", async () => {
    const store = sqlitePeerStore(dir);
    const { log } = await store.openLog("bought");
    log.append(bytes(1));
    await log.sync();
    expect(statSync(file(1)).mode & 0o777).toBe(0o600);
    const left = readFileSync(file(1));
    await store.close();
    writeFileSync(file(1), left);
    chmodSync(file(1), 0o644);
    await foundIn();
    expect(statSync(file(1)).mode & 0o777).toBe(0o600);
  });

  test("are bounded, and each is gone when nobody needs any of its records, whatever the order", async () => {
    const { log } = await open();
    const half = new Uint8Array(limits.logSegmentBytes / 2 - 100);
    const positions = Array.from({ length: 7 }, () => log.append(half));
    await log.sync();
    expect(names()).toEqual([1, 2, 3, 4].map((number) => `bought-0000000${number}.log`));
    for (const name of names())
      expect(statSync(join(dir, name)).size).toBeLessThanOrEqual(limits.logSegmentBytes);
    for (const i of [5, 2, 4, 3]) log.release(positions[i] ?? 0);
    await log.close();
    expect(names()).toEqual([1, 4].map((number) => `bought-0000000${number}.log`));
    const { log: again, found } = await open();
    for (const { position } of found) again.release(position);
    await again.close();
    expect(names()).toEqual([]);
  });

  test("of other names are left alone", async () => {
    const others = ["bought-1.log", "bought-00000001.log.old", "buying-00000001.log", "xbought-00000001.log"];
    for (const name of others) writeFileSync(join(dir, name), "notes");
    expect(await foundIn()).toEqual([]);
    expect(names()).toEqual([...others].sort());
  });
});

/** A disk on which a test looks at each operation that changes something, before it is done. */
function watched(before: (operation: string) => Promise<void> | void): Disk {
  const watch = async <T>(operation: string, work: () => Promise<T>): Promise<T> => {
    await before(operation);
    return work();
  };
  const watchedFile = (inner: DiskFile): DiskFile => ({
    write: (data, at) => watch("write", () => inner.write(data, at)),
    truncate: (size) => watch("truncate", () => inner.truncate(size)),
    close: () => inner.close(),
  });
  return {
    ...nodeDisk,
    create: async (path, data) => watchedFile(await watch("create", () => nodeDisk.create(path, data))),
    open: async (path) => watchedFile(await nodeDisk.open(path)),
    remove: (path) => watch("remove", () => nodeDisk.remove(path)),
  };
}

describe("a group", () => {
  test("is all that was appended in a turn, in one write; what comes meanwhile shares the next", async () => {
    let writes = 0;
    const gate = Promise.withResolvers<void>();
    const { log } = await open(
      watched((operation) => {
        if (operation !== "write") return undefined;
        writes += 1;
        return gate.promise;
      }),
    );
    const first = Array.from({ length: 64 }, (_, i) => {
      log.append(bytes(i));
      return log.sync();
    });
    while (writes === 0) await new Promise(setImmediate);
    const second = Array.from({ length: 64 }, (_, i) => {
      log.append(bytes(64 + i));
      return log.sync();
    });
    await new Promise(setImmediate);
    expect(writes).toBe(1);
    gate.resolve();
    await Promise.all([...first, ...second]);
    expect(writes).toBe(2);
    await log.close();
    expect(await foundIn()).toEqual(Array.from({ length: 128 }, (_, i) => i));
  });

  test("that is being written when the log is closed is written, and who waits is told so", async () => {
    const { log } = await open(watched(() => new Promise(setImmediate)));
    log.append(bytes(1));
    const first = log.sync();
    await new Promise(setImmediate);
    log.append(bytes(2));
    const second = log.sync();
    const closing = log.close();
    log.append(bytes(3));
    expect(await codeOf(log.sync())).toBe("closed");
    await Promise.all([first, second, closing]);
    expect(await codeOf(log.sync())).toBe("closed");
    expect((await foundIn()).slice(0, 2)).toEqual([1, 2]);
  });

  test("is written before the store lets go of its lock", async () => {
    const store = sqlitePeerStore(dir);
    const { log } = await store.openLog("bought");
    log.append(bytes(1));
    const synced = log.sync();
    const closing = store.close();
    expect(await codeOf(store.openLog("bought"))).toBe("closed");
    expect(await codeOf((async () => sqlitePeerStore(dir))())).toBe("store-locked");
    await Promise.all([synced, closing]);
    const again = sqlitePeerStore(dir);
    expect((await again.openLog("bought")).found.map(({ record }) => record)).toEqual([bytes(1)]);
    await again.close();
  });
});

describe("a disk that fails", () => {
  /** Fails at the n-th operation of a kind, and at none after it. */
  function failing(kind: string, at: number): { readonly disk: Disk; readonly fault: Error; done: string[] } {
    const fault = new Error("ENOSPC: no space left on device");
    const done: string[] = [];
    const disk = watched((operation) => {
      done.push(operation);
      if (operation === kind && done.filter((each) => each === kind).length === at) throw fault;
    });
    return { disk, fault, done };
  }

  test.each([
    ["create", 1, []],
    ["write", 1, []],
    ["write", 2, [1]],
  ] as const)(
    "at %s %i: all who wait are told, all later ones too, and nothing is tried again",
    async (kind, at, kept) => {
      const { disk, fault, done } = failing(kind, at);
      const { log } = await open(disk);
      for (const number of kept) {
        log.append(bytes(number));
        await log.sync();
      }
      const waiting = [11, 12, 13].map((number) => {
        log.append(bytes(number));
        return log.sync();
      });
      for (const each of await Promise.allSettled(waiting))
        expect(each).toEqual({ status: "rejected", reason: fault });
      const tried = done.length;
      log.append(bytes(14));
      await expect(log.sync()).rejects.toBe(fault);
      await log.close();
      expect(done.length).toBe(tried);
      expect(await foundIn()).toEqual(kept);
    },
  );

  test("while a file is sealed: what was synced is kept, what follows is not", async () => {
    const { disk, fault } = failing("truncate", 1);
    const { log } = await open(disk);
    log.append(bytes(1));
    await log.sync();
    log.append(new Uint8Array(limits.logRecordBytes).fill(2));
    await log.sync();
    log.append(new Uint8Array(limits.logRecordBytes).fill(3));
    await expect(log.sync()).rejects.toBe(fault);
    await log.close();
    expect(await foundIn()).toEqual([1, 2]);
  });

  test("while a file is removed: the next sync says so, or closing where there is none", async () => {
    for (const how of ["sync", "close"] as const) {
      const { disk, fault } = failing("remove", 1);
      const { log } = await open(disk);
      const large = log.append(new Uint8Array(limits.logRecordBytes).fill(1));
      log.append(new Uint8Array(limits.logRecordBytes).fill(2));
      await log.sync();
      log.release(large);
      await new Promise(setImmediate);
      if (how === "sync") await expect(log.sync()).rejects.toBe(fault);
      await (how === "close" ? expect(log.close()).rejects.toBe(fault) : log.close());
      expect((await foundIn()).slice(-1)).toEqual([2]);
      for (const name of names()) rmSync(join(dir, name));
    }
  });

  test("leaves the store's other things as they were, and closing the store closes it", async () => {
    const store = sqlitePeerStore(dir);
    const { log } = await store.openLog("bought");
    mkdirSync(file(1));
    log.append(bytes(1));
    await expect(log.sync()).rejects.toMatchObject({ code: "EEXIST" });
    await store.commit([{ key: "a", value: bytes(1) }]);
    expect(await store.get("a")).toEqual(bytes(1));
    await store.close();
    await sqlitePeerStore(dir).close();
  });
});

describe("kill -9", () => {
  const source = (name: string): string =>
    JSON.stringify(new URL(`../../peer-sdk/src/store/${name}`, import.meta.url).href);

  test.each([
    ["between append and sync", ""],
    ["while a sync is under way", "log.sync(); await new Promise(setImmediate);"],
  ])("%s loses nothing that was synced, and leaves no lock", async (_when, more) => {
    const { out, signal } = await runScript(`
      import { sqlitePeerStore } from ${source("sqlite.ts")};
      const store = sqlitePeerStore(${JSON.stringify(dir)});
      const { log } = await store.openLog("bought");
      for (let i = 0; i < 20; i += 1) { log.append(new Uint8Array([i])); await log.sync(); }
      for (let i = 20; i < 40; i += 1) log.append(new Uint8Array([i]));
      ${more}
      process.kill(process.pid, "SIGKILL");
    `);
    expect([out, signal]).toEqual(["", "SIGKILL"]);
    const store = sqlitePeerStore(dir);
    const found = (await store.openLog("bought")).found.map(({ record }) => record[0]);
    await store.close();
    expect(found.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    // What was written at once is there as a whole or not at all.
    expect([20, 40]).toContain(found.length);
  });
});

async function runScript(script: string): Promise<{ readonly out: string; readonly signal: string | null }> {
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--no-warnings", "-e", script], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let out = "";
  child.stderr.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  const signal = await new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (_code, by) => resolve(by));
  });
  return { out, signal };
}
