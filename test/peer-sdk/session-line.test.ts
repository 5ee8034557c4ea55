/** One timer for all who wait equally long. */
import { expect, test } from "vitest";
import { Line } from "../../peer-sdk/src/session/line.ts";
import { virtualRuntime } from "./support/virtual.ts";
import { repeatableRuntime } from "./support/world.ts";

const settled = async (): Promise<void> => {};

/** A line of 1000 ms, who was woken when, and the clock. */
function line() {
  const clock = virtualRuntime(repeatableRuntime("line"));
  const start = clock.now();
  const waits = new Line(clock, 1000);
  const woken: string[] = [];
  const sleeper = (name: string) => ({ wake: () => woken.push(`${name} ${clock.now() - start}`) });
  return { clock, waits, woken, sleeper };
}

test("everybody is woken once, as long after coming as the others, in the order in which they came", async () => {
  const { clock, waits, woken, sleeper } = line();
  for (const name of ["first", "second"]) waits.enter(sleeper(name));
  await clock.pass(400, settled);
  waits.enter(sleeper("third"));
  expect(clock.waiting()).toBe(1);
  await clock.pass(5000, settled);
  expect(woken).toEqual(["first 1000", "second 1000", "third 1400"]);
  expect(clock.waiting()).toBe(0);
});

test("who has left is not woken, and who comes again when woken waits as long again", async () => {
  const { clock, waits, woken, sleeper } = line();
  const gone = sleeper("gone");
  const again = {
    wake: () => {
      woken.push("again");
      if (woken.length < 3) waits.enter(again);
    },
  };
  waits.enter(gone);
  waits.enter(again);
  await clock.pass(999, settled);
  waits.leave(gone);
  await clock.pass(1, settled);
  expect(woken).toEqual(["again"]);
  await clock.pass(999, settled);
  expect(woken).toEqual(["again"]);
  await clock.pass(5000, settled);
  expect(woken).toEqual(["again", "again", "again"]);
});

test("where the clock is set back nobody is woken early, and nobody waits for more than once again", () => {
  let now = 10_000_000;
  const timers: { readonly after: number; readonly ring: () => void }[] = [];
  const later = (after: number, ring: () => void) => {
    timers.push({ after, ring });
    return () => {};
  };
  const waits = new Line({ ...repeatableRuntime("line"), now: () => now, later }, 1000);
  const woken: string[] = [];
  waits.enter({ wake: () => woken.push("one") });
  now += 900;
  waits.enter({ wake: () => woken.push("other") });
  now -= 3_600_000;

  // The system's timers run on whatever its clock says.
  timers[0]?.ring();
  expect(woken).toEqual([]);
  expect(timers.map(({ after }) => after)).toEqual([1000, 1000]);
  now += 1000;
  timers[1]?.ring();
  expect(woken).toEqual(["one", "other"]);
  expect(timers).toHaveLength(2);
});
