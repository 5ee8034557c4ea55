/** `restore`: a table that was restored from a backup is brought up to date from the journal, and put into service. */
import { dynamoDbStore } from "@lepta/lambdas/aws/dynamodb-store";
import { s3Journal } from "@lepta/lambdas/aws/s3-journal";
import type { Deployment } from "@lepta/lambdas/deployment";
import { restore } from "@lepta/lambdas/journal/restore";
import { systemRuntime } from "@lepta/lambdas/ports/runtime";
import { moment, type Report } from "../report.ts";
import type { Cloud } from "./cloud.ts";
import { AdminFault } from "./fault.ts";
import { invoke } from "./invoke.ts";

/**
 * Replays the journal into the deployment's table, which must be a restored copy that nobody serves; then a new epoch
 * begins and the table goes into service. `backupAt` is the moment that the backup shows, in milliseconds. Where it is
 * interrupted, it is run again.
 */
export async function restoreTable(cloud: Cloud, deployment: Deployment, backupAt: number): Promise<Report> {
  const { table, journalBucket } = deployment;
  if (journalBucket === undefined) throw new AdminFault("This deployment keeps no journal.");
  let epoch: unknown;
  const restored = await restore({
    store: dynamoDbStore(cloud.dynamoDb, table, systemRuntime),
    table,
    journal: s3Journal(cloud.s3, journalBucket),
    runtime: systemRuntime,
    backupAt,
    startEpoch: async () => {
      ({ epoch } = await invoke(cloud, deployment, "rotate", { operation: "start-epoch" }));
    },
  });
  // Nothing was rotated while the table was out of service.
  await invoke(cloud, deployment, "rotate", {});
  const { lost, objects, records, written, lastAt, gaps } = restored;
  const isWhole = gaps === 0 && (lastAt === undefined || lastAt >= backupAt);
  return {
    good: isWhole,
    lines: [
      `The journal of ${lost} was replayed into ${table}: ${objects} objects, ${records} changes, ${written} items written.`,
      lastAt === undefined
        ? "It holds no change since the backup."
        : `The last change in it is of ${moment(lastAt)} UTC: what happened later is lost.`,
      ...(gaps > 0 ? [`${gaps} purses lack part of their history: the journal has gaps.`] : []),
      ...(isWhole ? [] : ["docs/operate.md says what to do about what is missing."]),
      `The table is in service, with the epoch ${String(epoch)}. Next: doctor, then books.`,
    ],
    json: { ...restored, epoch },
  };
}
