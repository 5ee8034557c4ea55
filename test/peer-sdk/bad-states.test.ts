/** What a user may find on disk after an accident: each is told in words that say what to do, and nothing is overwritten. */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LeptaError, Merchant, memoryPeerStore, sqlitePeerStore, Wallet } from "@lepta/peer-sdk";
import { type IdentityRecord, identities, SELF } from "@lepta/peer-sdk/records";
import { figure4Suite } from "@lepta/protocol/suite/figure-4";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openIdentity } from "../../peer-sdk/src/identity.ts";
import { given } from "./support/hand.ts";
import { createWorld, NEVER, type World } from "./support/world.ts";

const catalogue = { article: { price: "EUR 0.02", deliver: () => "the text" } };

let dir: string;
let world: World;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "lepta-bad-"));
  world = await createWorld();
});
afterEach(async () => {
  await world.close();
  rmSync(dir, { recursive: true, force: true });
});

const file = (): string => join(dir, "lepta.sqlite");

/** Opens the directory as a wallet; `more` is what a user may have given besides. */
async function openWallet(more: { readonly broker?: string } = {}): Promise<Wallet> {
  const { broker, runtime, transport, connect } = world;
  return Wallet.open({ dir, broker, runtime, transport, connect, noticeDelay: NEVER, ...more });
}

/** A wallet's directory with money in it, closed. */
async function usedDirectory(): Promise<void> {
  const wallet = await openWallet();
  await wallet.topUp("EUR 1.00");
  await wallet.close();
}

/** What the user is told. Fails where the directory opens. */
async function complaint(work: () => Promise<{ close(): Promise<void> }>): Promise<LeptaError> {
  try {
    const opened = await work();
    await opened.close();
  } catch (error) {
    if (error instanceof LeptaError) return error;
    throw error;
  }
  throw new Error("it was opened");
}

/** Every file of the directory with something in it, by its hash. What SQLite keeps beside a file for its readers is no data. */
function contents(): ReadonlyMap<string, string> {
  const files = readdirSync(dir)
    .filter((name) => !name.endsWith("-shm"))
    .sort()
    .map((name) => [name, readFileSync(join(dir, name))] as const);
  return new Map(
    files
      .filter(([, bytes]) => bytes.length > 0)
      .map(([name, bytes]) => [name, `${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}`]),
  );
}

/** Opens what must not be opened: told with this code, in these words, and nothing on disk has changed. */
async function expectRefused(
  code: string,
  words: RegExp,
  work: () => Promise<{ close(): Promise<void> }> = openWallet,
): Promise<void> {
  const before = contents();
  const error = await complaint(work);
  expect(error.code).toBe(code);
  expect(error.message).toMatch(words);
  expect(contents()).toEqual(before);
}

describe("a wallet's file", () => {
  test("that holds something else is refused: move it away", async () => {
    writeFileSync(file(), "these are somebody's notes, not a store\n".repeat(40));
    await expectRefused("store-damaged", /lepta\.sqlite: .*not a database; restore .* from a copy/);
  });

  test("that is another program's database is refused: move it away, or choose another directory", async () => {
    const other = new DatabaseSync(file());
    other.exec("CREATE TABLE photos (name TEXT); INSERT INTO photos VALUES ('cat')");
    other.close();
    await expectRefused("store-damaged", /is not a Lepta store: move it away, or choose another directory/);
  });

  test("that is another program's database with an unfinished log is left alone, log and all", async () => {
    const origin = join(dir, "origin");
    mkdirSync(origin);
    const other = new DatabaseSync(join(origin, "photos.sqlite"));
    other.exec("PRAGMA journal_mode = WAL; CREATE TABLE photos (name TEXT);");
    for (const end of ["", "-wal"]) copyFileSync(join(origin, `photos.sqlite${end}`), file() + end);
    other.close();
    rmSync(origin, { recursive: true });
    await expectRefused("store-damaged", /is not a Lepta store/);
    expect([...contents().keys()]).toEqual(["lepta.sqlite", "lepta.sqlite-wal"]);
  });

  test.each([0, 1, 9])("of format %i is refused: use the version that wrote it", async (version) => {
    await usedDirectory();
    const database = new DatabaseSync(file());
    database.exec(`PRAGMA user_version = ${version}`);
    database.close();
    await expectRefused(
      "store-damaged",
      new RegExp(`has format ${version}, and this version of Lepta reads format 3: use the version that`),
    );
  });

  test("that was cut short is refused: restore it from a copy", async () => {
    await usedDirectory();
    const whole = readFileSync(file());
    for (const length of [whole.length - 512, whole.length / 2, 4096, 600, 100, 1]) {
      writeFileSync(file(), whole);
      truncateSync(file(), Math.floor(length));
      await expectRefused(
        "store-damaged",
        /restore the whole directory from a copy|move it away, or choose another directory/,
      );
    }
  });

  test("that another process has open is refused to wallet and merchant: close that one, or choose another", async () => {
    const script = `
      import { sqlitePeerStore } from ${JSON.stringify(import.meta.resolve("@lepta/peer-sdk"))};
      sqlitePeerStore(${JSON.stringify(dir)});
      console.log("open");
      setInterval(() => {}, 1000);
    `;
    const holder = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await once(holder.stdout, "data");
      const words =
        /Another process has this directory open\. .*close the wallet or merchant that uses it, or/;
      await expectRefused("store-locked", words);
      const { broker, runtime, transport } = world;
      await expectRefused("store-locked", words, () =>
        Merchant.open({ dir, broker, runtime, transport, catalogue }),
      );
    } finally {
      holder.kill("SIGKILL");
      await once(holder, "close");
    }
    // Kill -9 leaves no lock behind.
    await (await openWallet()).close();
  });
});

describe("a wallet's identity", () => {
  /** Puts another identity into the directory. */
  async function replaceIdentity(
    change: (ours: IdentityRecord, theirs: IdentityRecord) => IdentityRecord,
  ): Promise<void> {
    await usedDirectory();
    const other = memoryPeerStore();
    await (await world.wallet({ store: other })).close();
    const store = sqlitePeerStore(dir);
    const ours = given(await identities(store).get(SELF));
    const theirs = given(await identities(other).get(SELF));
    await store.commit([identities(store).put(SELF, change(ours, theirs))]);
    await store.close();
  }

  test.each(["signing", "sealing", "statement", "credential"] as const)(
    "whose %s is another peer's is refused: restore the directory from a copy",
    async (part) => {
      await replaceIdentity((ours, theirs) => ({ ...ours, [part]: given(theirs[part]) }));
      await expectRefused("store-damaged", /identity: its keys .* do not belong together; restore .* a copy/);
    },
  );

  test.each(["signing", "sealing"] as const)(
    "whose %s key is no key is refused, without a word of what the key was",
    async (part) => {
      const garbage = new Uint8Array(40).fill(7);
      await replaceIdentity((ours) => ({ ...ours, [part]: garbage }));
      await expectRefused("store-damaged", /identity: its keys cannot be read .*; restore .* from a copy/);
    },
  );

  test("that was made with another suite is refused: open it with its own", async () => {
    await usedDirectory();
    const { network, runtime } = world;
    await expectRefused(
      "store-damaged",
      /made with the suite default .* open it with its own suite/,
      async () => {
        const store = sqlitePeerStore(dir);
        try {
          await openIdentity(store, figure4Suite, network, runtime);
        } finally {
          await store.close();
        }
        return store;
      },
    );
  });

  test("that belongs to another broker is refused, whichever broker answers at the address", async () => {
    await usedDirectory();
    const other = await createWorld({ seed: "another broker" });
    const { transport } = other;
    await expectRefused(
      "wrong-root",
      /belongs to the broker .* give that broker's address, or choose another/,
      () => openWallet({ broker: other.broker }),
    );
    // Without a pin: the broker that was there before is not the one that is there now.
    const { runtime, connect } = world;
    const broker = other.broker.split("#")[0] ?? "";
    await expectRefused("wrong-root", /8787 is not the broker .*: check the address/, () =>
      Wallet.open({ dir, broker, runtime, transport, connect, noticeDelay: NEVER }),
    );
    await other.close();
    await (await openWallet()).close();
  });
});
