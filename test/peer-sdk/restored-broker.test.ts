/** A broker that was restored from a backup, without what came last: peers that are ahead of it help themselves. */
import { memoryPeerStore } from "@lepta/peer-sdk";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf, createWorld, DAY, type World } from "./support/world.ts";

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

/** The table as it was before, but for its keys. */
async function forget(before: ReturnType<World["table"]["items"]>): Promise<void> {
  const known = new Set(before.map(({ key }) => `${key.pk} ${key.sk}`));
  for (const { key } of world.table.items())
    if (key.pk !== "KEYS" && !known.has(`${key.pk} ${key.sk}`))
      await world.table.commit([{ remove: true, at: key, expect: "present" }]);
}

test("a peer whose enrolment was lost is enrolled again with its account, and tops up", async () => {
  const store = memoryPeerStore();
  const before = world.table.items();
  const wallet = await world.wallet({ account: "alice", store });
  await wallet.close();
  await forget(before);
  world.runtime.advance(DAY);
  await world.rotate();
  const again = await world.wallet({ account: "alice", store });
  expect(again.uid).toBe(wallet.uid);
  await again.topUp("EUR 1.00");
  expect((await again.balance()).brokerScrip).toBe("EUR 1.00");
});

test("a wallet that is made from a phrase which the broker does not know is not enrolled", async () => {
  const before = world.table.items();
  const wallet = await world.wallet({ account: "alice" });
  await forget(before);
  const phrase = await wallet.recoveryPhrase();
  expect(await codeOf(world.wallet({ account: "alice", phrase }))).toBe("unknown-peer");
});
