/** Errors' meanings where a page loads them when the first error comes up. */
import { errors } from "@lepta/protocol";
import { expect, test } from "vitest";
import { meaningOf, whenLoaded } from "../../protocol/src/platform/meanings-on-demand.ts";

test("a code stands for its meaning until the table has come, and whoever waits for it is told", async () => {
  expect(meaningOf("scrip-spent")).toBe("scrip-spent");
  const table = await new Promise((resolve) => whenLoaded(resolve));
  expect(table).toEqual(errors);
  expect(meaningOf("scrip-spent")).toBe(errors["scrip-spent"].meaning);
});
