import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parties } from "./company.ts";
import { flowNames } from "./flows.ts";
import { type KillsReport, runKills } from "./kills.ts";

/** Of each party in each flow; `npm run torture` kills more often. */
const KILLS = 30;
/** It takes a minute on two cores that have nothing else to do. */
const PATIENCE = 10 * 60_000;

/** What wallets do, and what the broker pays merchants. */
const kinds = [
  "topup",
  "vendorscrip",
  "purchase",
  "renewal",
  "redeem",
  "refund",
  "reversal",
  "received",
  "settlement",
] as const;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "lepta-kills-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe("broker, merchant and wallet as processes of their own", () => {
  test(
    "whoever is killed at whatever moment, all money is accounted for and every transaction ends after the restart",
    async () => {
      const report: KillsReport = await runKills({ home: join(dir, "home"), kills: KILLS, seed: 2004 });
      expect(report.faults).toEqual([]);
      expect(report).toMatchObject({ ok: true, conserved: true, stuck: 0 });
      for (const party of parties)
        for (const flow of flowNames)
          expect(report.kills[party][flow], `${party} in ${flow}`).toBeGreaterThanOrEqual(KILLS);
      expect(report.absences.broker, "the broker was away for longer than it is asked").toBeGreaterThan(0);
      // That nothing was lost is not because nothing was done: every flow went on between the kills.
      for (const kind of kinds) expect(report.done[kind] ?? 0, kind).toBeGreaterThan(0);
    },
    PATIENCE,
  );
});
