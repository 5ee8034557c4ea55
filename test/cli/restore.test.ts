/** `lepta-admin restore`: the procedure of docs/operate.md, from the backup to a broker that serves again. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rotationOf, startEpoch } from "@lepta/lambdas";
import { startEmbeddedCloud } from "@lepta/local";
import { afterEach, beforeEach, expect, test } from "vitest";
import { backUp } from "../support/backup.ts";
import { ran } from "./support.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "lepta-admin-restore-"));
});
afterEach(() => rm(dir, { recursive: true }));

test("a restored table is brought up to date, begins a new epoch and serves", async () => {
  const lost = await startEmbeddedCloud({ dir });
  await backUp(lost, "lepta-restored");
  const backupAt = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  // What the backup lacks: an epoch of its own, which only the journal knows.
  await startEpoch(rotationOf(lost.wiring));
  await lost.drainJournal();
  await lost.close();

  const restored = await startEmbeddedCloud({ dir, table: "lepta-restored" });
  try {
    const at = ["--embedded", dir];
    expect((await fetch(`${restored.url}/keys`)).status).toBe(503);
    const { status, out } = await ran([...at, "restore", backupAt]);
    expect(out).toContain("The journal of lepta was replayed into lepta-restored");
    expect(out).toContain("with the epoch 3");
    expect(status).toBe(0);
    expect((await fetch(`${restored.url}/keys`)).status).toBe(200);

    const again = await ran([...at, "restore", backupAt]);
    expect([again.status, again.err]).toEqual([1, expect.stringContaining("is in service")]);
    expect((await ran([...at, "keys", "list"])).out).toMatch(/epochs +1 since .*; 2 since .*; 3 since/);
  } finally {
    await restored.close();
  }
});

test.each([
  ["restore"],
  ["restore", "yesterday"],
  ["restore", "2027-13-01T00:00:00Z"],
  ["restore", "2027-01-01T00:00:00Z", "now"],
])("%s %s is not understood", async (...args) => {
  const { status, err } = await ran(["--embedded", dir, ...args]);
  expect([status, err]).toEqual([2, expect.stringContaining("Usage: lepta-admin")]);
});
