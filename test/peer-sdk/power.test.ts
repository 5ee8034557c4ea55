/** A log whose power fails at any operation of its disk, again and again, while it is opened, written and let go of. */
import { limits } from "@lepta/protocol";
import { expect, test } from "vitest";
import { FileLog } from "../../peer-sdk/src/store/log/file-log.ts";
import { type Draws, drawsOf } from "../simulation/random.ts";
import { PowerDisk, PowerLoss } from "../support/power-disk.ts";

const BOOTS = 6;
const seeds = Array.from({ length: 12 }, (_, i) => `power ${i}`);

/** What was done with each record, by its number; all are appended in the order of their numbers. */
interface Story {
  next: number;
  readonly synced: Set<number>;
  readonly released: Set<number>;
  /** Not found at an opening, though nobody had let go of them: cut off. */
  readonly cut: Set<number>;
}

test.each(seeds)("no synced record is lost, and none that was cut off comes back: %s", async (seed) => {
  const draws = drawsOf(seed);
  const story: Story = { next: 1, synced: new Set(), released: new Set(), cut: new Set() };
  let files: ReadonlyMap<string, Uint8Array> = new Map();
  for (let boot = 0; boot < BOOTS; boot += 1) {
    const disk = new PowerDisk(files, draws, draws.between(1, 25));
    await live(disk, story, draws).catch((error: unknown) => {
      if (!(error instanceof PowerLoss)) throw error;
    });
    files = disk.files;
  }
  const { found } = await FileLog.open(new PowerDisk(files, draws, 1000), "dir", "bought");
  check(
    found.map(({ record }) => numberOf(record)),
    story,
  );
});

/** Opens the log and uses it until the power fails. */
async function live(disk: PowerDisk, story: Story, draws: Draws): Promise<void> {
  const { log, found } = await FileLog.open(disk, "dir", "bought");
  const positions = new Map(found.map(({ position, record }) => [numberOf(record), position]));
  check([...positions.keys()], story);
  // What is found is durable.
  for (const number of positions.keys()) story.synced.add(number);
  for (;;) {
    const syncs: Promise<void>[] = [];
    for (let i = draws.between(1, 4); i > 0; i -= 1) {
      const number = story.next;
      story.next += 1;
      positions.set(number, log.append(recordOf(number, draws)));
      if (!draws.chance(0.7)) continue;
      const sync = log.sync().then(() => {
        for (let each = 1; each <= number; each += 1) if (!story.cut.has(each)) story.synced.add(each);
      });
      // It may reject before all of them are awaited below.
      sync.catch(() => {});
      syncs.push(sync);
      if (draws.chance(0.3)) await new Promise(setImmediate);
    }
    const ends = await Promise.allSettled(syncs);
    for (const [number, position] of positions) {
      if (!story.synced.has(number) || !draws.chance(0.4)) continue;
      positions.delete(number);
      story.released.add(number);
      log.release(position);
    }
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    if (draws.chance(0.1)) return log.close();
  }
}

/** Of an opening: all that is needed and synced is there, in order, and of the rest only what came before a cut. */
function check(found: readonly number[], story: Story): void {
  const { next, synced, released, cut } = story;
  expect(found).toEqual([...found].sort((a, b) => a - b));
  expect(found.filter((number) => cut.has(number))).toEqual([]);
  const needed = [...synced].filter((number) => !released.has(number));
  expect(needed.filter((number) => !found.includes(number))).toEqual([]);
  // None is found behind one that was cut off at this opening.
  const last = found.at(-1) ?? 0;
  for (let number = 1; number < next; number += 1) {
    if (synced.has(number) || found.includes(number) || cut.has(number)) continue;
    expect(number).toBeGreaterThan(last);
    cut.add(number);
  }
}

/** Small ones, and some of which few fill a file. */
function recordOf(number: number, draws: Draws): Uint8Array {
  const size = draws.chance(0.3) ? draws.between(1, limits.logRecordBytes - 4) : draws.between(0, 700);
  const record = new Uint8Array(4 + size).fill(number);
  new DataView(record.buffer).setUint32(0, number);
  return record;
}

const numberOf = (record: Uint8Array): number => new DataView(record.buffer, record.byteOffset).getUint32(0);
