import { eachInOrder } from "@lepta/lambdas/pipeline/each-in-order";
import { expect, test } from "vitest";

/** Lets others go first. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("does so many groups at once and no more, each in its order", async () => {
  const done: string[] = [];
  let [underWay, most] = [0, 0];
  const groups = Array.from({ length: 10 }, (_, group) => [1, 2, 3].map((each) => `${group} ${each}`));
  await eachInOrder(groups, 4, async (item) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await turn();
    underWay -= 1;
    done.push(item);
  });
  expect(most).toBe(4);
  expect([...done].sort()).toEqual(groups.flat());
  for (const group of groups) expect(done.filter((item) => group.includes(item))).toEqual(group);
});

test("begins nothing more once one has failed, waits for what is under way, and throws the first fault", async () => {
  const [begun, ended]: [string[], string[]] = [[], []];
  const groups = [["a", "b"], ["c", "d"], ["e"]];
  const working = eachInOrder(groups, 2, async (item) => {
    begun.push(item);
    if (item === "a") throw new Error("a failed");
    await turn();
    ended.push(item);
    throw new Error(`${item} failed`);
  });
  await expect(working).rejects.toThrow("a failed");
  expect([begun, ended]).toEqual([["a", "c"], ["c"]]);
});

test("of nothing is nothing", async () => {
  await eachInOrder([], 4, () => Promise.reject(new Error("there is nothing")));
});
