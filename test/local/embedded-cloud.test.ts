import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brokerBooks, keys } from "@lepta/lambdas";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { orThrow } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { BrokerUnderTest } from "../support/broker.ts";
import { throughFront } from "../support/front.ts";
import { authorise, DAY, enrolledPeer, euro, HOUR, makeSale } from "../support/peer.ts";
import { type TestRuntime, testRuntime } from "../support/runtime.ts";

let dir: string;
let runtime: TestRuntime;
let clouds: EmbeddedCloud[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "lepta-cloud-"));
  runtime = testRuntime();
  clouds = [];
});

afterEach(async () => {
  for (const cloud of clouds) await cloud.close();
  await rm(dir, { recursive: true });
});

async function start(name = "broker"): Promise<EmbeddedCloud> {
  const cloud = await startEmbeddedCloud({ dir: join(dir, name), runtime });
  clouds.push(cloud);
  return cloud;
}

const through = (cloud: EmbeddedCloud): BrokerUnderTest => throughFront(cloud, runtime);

describe("the embedded cloud", () => {
  test("runs figures 6 and 8 over real sockets, DynamoDB's protocol and KMS's", async () => {
    const cloud = await start();
    const broker = through(cloud);
    expect(cloud.pinnedUrl).toBe(`${cloud.url}#${cloud.network}`);
    const [alice, shop] = [await enrolledPeer(broker, "alice"), await enrolledPeer(broker, "shop")];
    const held = await alice.fund(euro("1.00"));
    const sale = await makeSale(alice, shop, runtime.now(), { amount: euro("0.30"), held });
    const { m4, m3 } = orThrow(await authorise(broker, sale));
    expect([m4.payload.ok, m3?.payload.ok]).toEqual([true, true]);
    expect(await broker.books()).toMatchObject({
      moneyIn: 1_000_000n,
      liveBrokerScrip: 700_000n,
      owedToMerchants: 300_000n,
      conserved: true,
    });
  });

  test("survives a restart: the same root, the same items, and scrip from before is spent after", async () => {
    const first = await start();
    const before = through(first);
    const [alice, shop] = [await enrolledPeer(before, "alice"), await enrolledPeer(before, "shop")];
    const held = await alice.fund(euro("1.00"));
    const sale = await makeSale(alice, shop, runtime.now(), { amount: euro("0.30"), held });
    const items = await first.items();
    await first.close();

    const second = await start();
    expect(second.network).toBe(first.network);
    expect(await second.items()).toEqual(items);
    // Sealed before the restart, to a key that the broker has unwrapped anew.
    const after = through(second);
    expect((await after.call("POST /authorise", sale.sealed)).status).toBe(200);
    expect(await after.books()).toMatchObject({ liveBrokerScrip: 700_000n, conserved: true });
  });

  test("runs its schedules: what was interrupted is finished, and keys are renewed", async () => {
    const cloud = await start();
    const broker = through(cloud);
    const alice = await enrolledPeer(broker, "alice+unknown");
    const txn = alice.newTxn();
    await alice.topUp(euro("1.00"), { txn });
    expect(orThrow(await alice.query(alice.uid, txn)).payload.state).toBe("charging");
    const { sealingKey } = await broker.keys();
    runtime.advance(DAY - 2 * HOUR);
    await cloud.runSchedules();
    expect(orThrow(await alice.query(alice.uid, txn)).payload.state).toBe("done");
    expect((await broker.keys()).sealingKey.id).not.toBe(sealingKey.id);
  });

  test("checks its books by the schedule, page by page, and tells what was damaged", async () => {
    const cloud = await start();
    const broker = through(cloud);
    const [alice, shop] = [await enrolledPeer(broker, "alice"), await enrolledPeer(broker, "shop")];
    const held = await alice.fund(euro("1.00"));
    const sale = await makeSale(alice, shop, runtime.now(), { amount: euro("0.30"), held });
    orThrow(await authorise(broker, sale));
    const at = keys.credit(shop.uid, alice.uid, sale.txn);
    const [credit] = await cloud.wiring.store.get([at]);
    runtime.advance(HOUR);
    const lines: string[] = [];
    const spy = vi.spyOn(process.stderr, "write").mockImplementation((line) => lines.push(String(line)) > 0);
    try {
      await cloud.runSchedules();
      expect(lines).toEqual([]);
      await cloud.wiring.store.commit([{ put: { ...credit, owed: 400_000n }, at, expect: "present" }]);
      await cloud.runSchedules();
    } finally {
      spy.mockRestore();
    }
    expect(lines.map((line) => JSON.parse(line)).map(({ outcome, fault }) => [outcome, fault])).toEqual([
      ["credit-owed-wrong", `${at.pk} / ${at.sk}`],
      ["books-unbalanced", "BOOKS / EUR"],
    ]);
  });

  test("finishes at its start what the process before it left under way", async () => {
    const first = await start();
    const alice = await enrolledPeer(through(first), "alice+unknown");
    const txn = alice.newTxn();
    await alice.topUp(euro("1.00"), { txn });
    expect(orThrow(await alice.query(alice.uid, txn)).payload.state).toBe("charging");
    await first.close();
    await (await start()).close();
    const items = await (await start()).items();
    expect(brokerBooks(items, "EUR", runtime.now())).toMatchObject({
      moneyIn: 1_000_000n,
      liveBrokerScrip: 1_000_000n,
      conserved: true,
    });
  });

  test("two side by side are two networks that take nothing from each other", async () => {
    const [one, two] = [await start("one"), await start("two")];
    expect(one.network).not.toBe(two.network);
    const [here, there] = [through(one), through(two)];
    const alice = await enrolledPeer(here, "alice");
    const sealed = await alice.seal(await alice.enrolRequest());
    // Sealed to a key that the other does not hold: whether it ever will is not known within the first second.
    expect(["unauthentic", "busy"]).toContain((await there.call("POST /enrol", sealed)).code);
    await alice.fund(euro("1.00"));
    expect((await there.books()).moneyIn).toBe(0n);
    expect((await here.books()).moneyIn).toBe(1_000_000n);
  });

  test("refuses a table that belongs to another root key, and leaves it as it was", async () => {
    const first = await start();
    const alice = await enrolledPeer(through(first), "alice");
    await alice.fund(euro("1.00"));
    const items = await first.items();
    await first.close();
    const keyFile = join(dir, "broker", "kms.json");
    const backup = join(dir, "kms.json");
    await rename(keyFile, backup);
    await expect(startEmbeddedCloud({ dir: join(dir, "broker"), runtime })).rejects.toThrow(
      "another root key",
    );

    await rename(backup, keyFile);
    const restored = await start();
    expect(restored.network).toBe(first.network);
    expect(await restored.items()).toEqual(items);
  });

  test("a cloud that cannot start ends what it had started", async () => {
    const first = await start("one");
    const port = Number(new URL(first.url).port);
    await expect(startEmbeddedCloud({ dir: join(dir, "two"), port, runtime })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
    // Its table is free again.
    expect((await start("two")).network).not.toBe(first.network);
  });

  test("closing twice does no harm", async () => {
    const cloud = await start();
    await cloud.close();
    await cloud.close();
    await expect(fetch(`${cloud.url}/keys`)).rejects.toThrow(TypeError);
  });
});
