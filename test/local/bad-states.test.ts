/** What an operator may find in the embedded broker's directory: told in words that say what to do, and nothing overwritten. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { startEmbeddedCloud } from "@lepta/local";
import { startDynoxide } from "@lepta/local/dynoxide";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

let home: string;
/** A directory that was used and closed, and one of another broker: each test works on a copy. */
let used: string;
let foreign: string;
let dir: string;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "lepta-bad-broker-"));
  used = join(home, "used");
  foreign = join(home, "foreign");
  for (const each of [used, foreign]) await (await startEmbeddedCloud({ dir: each })).close();
});
afterAll(() => rmSync(home, { recursive: true, force: true }));
beforeEach(() => {
  dir = join(home, "broker");
  cpSync(used, dir, { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const table = (): string => join(dir, "table.sqlite");
const keyFile = (): string => join(dir, "kms.json");

/** Every file with something in it, by its hash. What SQLite keeps beside a file for its readers is no data. */
function contents(): ReadonlyMap<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith("-shm"))
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort()
    .map((name) => [name, readFileSync(join(dir, name))] as const);
  return new Map(
    files
      .filter(([, bytes]) => bytes.length > 0)
      .map(([name, bytes]) => [name, `${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}`]),
  );
}

async function expectRefused(words: RegExp): Promise<void> {
  const before = contents();
  await expect(startEmbeddedCloud({ dir })).rejects.toThrow(words);
  expect(contents()).toEqual(before);
}

describe("the embedded broker's directory", () => {
  test("is taken by one process: a second is told to stop the first or to take another directory", async () => {
    const first = await startEmbeddedCloud({ dir });
    await expect(startEmbeddedCloud({ dir })).rejects.toThrow(
      /is in use by another embedded broker\. Stop that one first .* or give this one a directory of its own with --data/,
    );
    // The first does not notice.
    expect((await fetch(`${first.url}/keys`)).status).toBe(200);
    await first.close();
    await (await startEmbeddedCloud({ dir })).close();
  });

  test("is refused where its path is a file or lies below one, which stays as it is", async () => {
    const path = join(dir, "notes.txt");
    writeFileSync(path, "notes");
    await expect(startEmbeddedCloud({ dir: path })).rejects.toThrow(
      `${path} is a file. Nothing was changed. Choose another directory with --data.`,
    );
    const below = join(path, "broker");
    await expect(startEmbeddedCloud({ dir: below })).rejects.toThrow(`${below} is below a file.`);
    expect(readFileSync(path, "utf8")).toBe("notes");
  });

  test("is refused where this user may not write to it", async () => {
    // Whoever may do everything would not be refused: another process, as somebody who may not.
    const script = `
      import { lockDirectory } from ${JSON.stringify(import.meta.resolve("@lepta/local/data-directory"))};
      if (process.getuid() === 0) process.setuid(65534);
      try {
        lockDirectory(${JSON.stringify(dir)});
        process.stdout.write("locked");
      } catch (error) {
        process.stdout.write(error.message);
      }
    `;
    chmodSync(home, 0o755);
    chmodSync(dir, 0o555);
    const child = spawn(process.execPath, ["--input-type=module", "--no-warnings", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    await once(child, "close");
    chmodSync(dir, 0o755);
    expect(out).toBe(
      `${dir} may not be written to by this user. Nothing was changed. Choose another directory with --data.`,
    );
  });

  test("is free again as soon as the process that held it was killed, and npm start says who has it", async () => {
    const start = () => {
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, "../../local/src/start.ts"), "--data", dir, "--port", "0"],
        { stdio: ["ignore", "pipe", "pipe"] },
      );
      child.stdout.setEncoding("utf8");
      child.stderr.setEncoding("utf8");
      return child;
    };
    const first = start();
    await once(first.stdout, "data");
    const second = start();
    try {
      const [words] = (await once(second.stderr, "data")) as [string];
      const [code] = await once(second, "close");
      expect(words).toMatch(
        /^lepta: The data in .* is in use by another embedded broker\. Stop that one first/,
      );
      expect(code).toBe(1);
    } finally {
      second.kill("SIGKILL");
      first.kill("SIGKILL");
      await once(first, "close");
    }
    // Its engine may still be ending: the start waits for that.
    await (await startEmbeddedCloud({ dir })).close();
  });
});

describe("the embedded broker's table", () => {
  test("is not opened by a second engine: the start waits for the other to end, and then says who is in the way", async () => {
    const engine = await startDynoxide({ file: table() });
    try {
      await expect(startEmbeddedCloud({ dir })).rejects.toThrow(
        /table\.sqlite is open in another process\. End that process, and start again/,
      );
    } finally {
      await engine.close();
    }
  });

  test("that is something else is refused: restore the directory", async () => {
    writeFileSync(table(), "these are somebody's notes, not a table\n".repeat(100));
    await expectRefused(/table\.sqlite is damaged: it is not a database\. Nothing was changed\. Restore the/);
    writeFileSync(table(), "x");
    await expectRefused(/table\.sqlite is damaged: it is not a database\. Nothing was changed\. Restore the/);
  });

  test("that is another program's database is refused: move it away", async () => {
    rmSync(table());
    const other = new DatabaseSync(table());
    other.exec(
      "PRAGMA journal_mode = WAL; CREATE TABLE photos (name TEXT); INSERT INTO photos VALUES ('cat')",
    );
    const copy = join(home, "photos");
    for (const end of ["", "-wal"]) cpSync(table() + end, copy + end);
    other.close();
    // With a log that its own program has not finished with.
    for (const end of ["", "-wal"]) renameSync(copy + end, table() + end);
    await expectRefused(
      /another program's database, not a table of the embedded broker\. Nothing was changed\. Move/,
    );
  });

  test("that was cut short is refused: restore the directory", async () => {
    const whole = readFileSync(table());
    for (const length of [whole.length - 4096, whole.length / 2, 4096, 600, 100]) {
      writeFileSync(table(), whole);
      truncateSync(table(), Math.floor(length));
      await expectRefused(
        /table\.sqlite is damaged: .* Nothing was changed\. Restore the whole directory from a copy/,
      );
    }
  });

  test("that belongs to another root key is refused: put its key file back", async () => {
    cpSync(join(foreign, "kms.json"), keyFile());
    await expectRefused(
      /belongs to another root key: \S+\. It needs the key file kms\.json .*, which now holds \S+\. Nothing was changed\. Put/,
    );
  });

  test("whose key file is missing is refused, and no new key is made", async () => {
    rmSync(keyFile());
    await expectRefused(
      /belongs to another root key: .* kms\.json .*, which is missing\. Nothing was changed\. Put/,
    );
    expect(readdirSync(dir)).not.toContain("kms.json");
  });

  test("that was never filled, because its first start was cut short, is started with new keys", async () => {
    rmSync(dir, { recursive: true });
    mkdirSync(dir);
    await (await startDynoxide({ file: table() })).close();
    await (await startEmbeddedCloud({ dir })).close();
  });
});

describe("the embedded broker's key file", () => {
  test("that was cut short is refused: restore it from a copy", async () => {
    truncateSync(keyFile(), Math.floor(readFileSync(keyFile()).length / 2));
    await expectRefused(
      /kms\.json is damaged: it is not JSON\. Nothing was changed\. Restore it from a copy/,
    );
    truncateSync(keyFile(), 0);
    writeFileSync(keyFile(), "");
    await expectRefused(
      /kms\.json is damaged: it is not JSON\. Nothing was changed\. Restore it from a copy/,
    );
  });

  test("of another program is refused: restore it from a copy", async () => {
    writeFileSync(keyFile(), JSON.stringify({ keys: ["a key of somebody else"] }));
    await expectRefused(
      /kms\.json is damaged: it has no version\. Nothing was changed\. Restore it from a copy/,
    );
  });

  test("of a newer version is refused: use the version of Lepta that wrote it", async () => {
    writeFileSync(keyFile(), JSON.stringify({ ...JSON.parse(readFileSync(keyFile(), "utf8")), version: 2 }));
    await expectRefused(
      /kms\.json has version 2; .* Nothing was changed\. Use the version of Lepta that wrote it/,
    );
  });
});
