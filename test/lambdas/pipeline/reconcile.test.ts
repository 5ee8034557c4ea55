import { reconcile } from "@lepta/lambdas/pipeline/reconcile";
import { reconciliationOf } from "@lepta/lambdas/wiring";
import { beforeAll, describe, expect, test } from "vitest";
import type { BrokerUnderTest } from "../../support/broker.ts";
import { type BusyTable, busyTable } from "../../support/busy-table.ts";

const bounds = { page: 100, time: 600_000 };
async function run(broker: BrokerUnderTest, each = bounds) {
  let outcome = await reconcile(reconciliationOf(broker.wiring), undefined, each);
  while (!outcome.done)
    outcome = await reconcile(reconciliationOf(broker.wiring), JSON.parse(JSON.stringify(outcome.progress)), each);
  return outcome;
}
describe("x", () => {
  let table: BusyTable;
  beforeAll(async () => { table = await busyTable(); });
  test("y", async () => {
    const items = await table.broker.items();
    const kinds: Record<string, number> = {};
    for (const { key, item } of items) {
      const name = `${key.pk.split("#")[0]} ${key.pk.startsWith("OPEN") || key.pk.startsWith("WAIT") || key.pk.startsWith("LOSS") || key.pk.startsWith("KEYS") ? "" : key.sk.split("#")[0]} ${item.kind ?? ""} ${item.state ?? ""}`;
      kinds[name] = (kinds[name] ?? 0) + 1;
    }
    console.log(kinds, await table.broker.books());
    console.log(await run(table.broker));
  });
});
