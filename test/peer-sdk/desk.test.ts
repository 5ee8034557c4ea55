/** What a wallet looks for in its store before it loads what deals with merchants. */
import { memoryPeerStore } from "@lepta/peer-sdk";
import { expect, test } from "vitest";
import { RUNS, UNDER_WAY } from "../../peer-sdk/src/customer/desk.ts";
import { laneTables } from "../../peer-sdk/src/customer/lanes/records.ts";
import { customerTables } from "../../peer-sdk/src/customer/records.ts";
import { waitingTable } from "../../peer-sdk/src/outbox.ts";

test("the tables whose records somebody must look after are those that open a wallet's dealings", async () => {
  const store = memoryPeerStore();
  const { pending, restoring } = customerTables(store);
  const { lanes, copies, runs } = laneTables(store);
  const looked = [pending, restoring, lanes, copies, waitingTable(store)];
  expect([...UNDER_WAY].sort()).toEqual(looked.map((each) => each.remove("").key).sort());
  expect(RUNS).toEqual([runs.remove("").key]);
});
