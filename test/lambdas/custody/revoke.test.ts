import { revokeKeys, rotateKeys, type Store, startEpoch } from "@lepta/lambdas";
import { keyItems, REVOKED_AFTER, readKeyTable, signingPurposes } from "@lepta/lambdas/custody/key-items";
import { tableCustody } from "@lepta/lambdas/custody/table-custody";
import { restore } from "@lepta/lambdas/journal/restore";
import { memoryJournal } from "@lepta/lambdas/memory/journal";
import { memoryKeyService } from "@lepta/lambdas/memory/key-service";
import { memoryStore } from "@lepta/lambdas/memory/store";
import { StoreBusy } from "@lepta/lambdas/ports/store";
import {
  defaultSuite,
  encodeP256,
  limits,
  orThrow,
  type Purpose,
  readEncrypt,
  thumbprint,
  utf8,
  verifyRevocation,
} from "@lepta/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { crashingStore } from "../../support/crashing.ts";
import { seededRandom, testRuntime } from "../../support/runtime.ts";

const DAY = 24 * 60 * 60 * 1000;
const purposes: readonly Purpose[] = [...signingPurposes, "seal"];

async function setUp() {
  const runtime = testRuntime();
  const store = memoryStore();
  const keyService = await memoryKeyService(seededRandom("revoked"));
  const ports = { store, keyService, suite: defaultSuite, runtime, disputeWindow: 400 * DAY };
  const custodies = new Map(signingPurposes.map((purpose) => [purpose, tableCustody(ports, purpose)]));
  return { runtime, store, ports, custodies };
}

let world: Awaited<ReturnType<typeof setUp>>;
beforeEach(async () => {
  world = await setUp();
  await rotateKeys(world.ports);
});

const keysOf = async () => (await readKeyTable(world.store)).operational;

/** Something sealed to the broker before, which must be opened after. */
async function sealed() {
  const seal = (await keysOf()).find(({ purpose }) => purpose === "seal");
  const key = orThrow(await defaultSuite.sealingKey(seal?.publicKey ?? new Uint8Array(0)));
  const bytes = await key.seal("application/x", utf8("from before"), world.runtime.random);
  return { id: key.id, parts: orThrow(readEncrypt(bytes)) };
}

/** Every function, cold and warm, has a key to sign with, opens what came before and knows each epoch. */
async function expectAllAtWork(before: Awaited<ReturnType<typeof sealed>>, ports = world.ports) {
  const { operational, epochs } = await readKeyTable(world.store);
  for (const purpose of signingPurposes)
    for (const custody of [tableCustody(ports, purpose), world.custodies.get(purpose)]) {
      const keys = await custody?.keys();
      const used = operational.find(({ id }) => id === keys?.signing.key.id);
      expect(used?.purpose).toBe(purpose);
      expect(await keys?.opening(before.id)?.open(before.parts)).toEqual(utf8("from before"));
      if (purpose !== "decide") continue;
      const started = [...epochs.values()].filter(({ startedAt }) => startedAt <= world.runtime.now());
      for (const { epoch } of started) expect(keys?.epochRoot(epoch)).toHaveLength(32);
      expect(keys?.epoch).toBe(Math.max(...started.map(({ epoch }) => epoch)));
    }
}

describe.each(purposes)("revoking %s", (purpose) => {
  test("revokes its keys and the sealing keys a minute later, and makes new ones at once", async () => {
    const old = await keysOf();
    const { network, revoked, revokedFrom } = await revokeKeys(world.ports, purpose);
    const stolen = old.filter((key) => key.purpose === purpose || key.purpose === "seal");
    expect([...revoked].sort()).toEqual(stolen.map(({ id }) => id).sort());
    expect(revokedFrom).toBe(world.runtime.now() + REVOKED_AFTER);
    const { x, y } = await world.ports.keyService.root.publicKey();
    const rootKey = orThrow(await defaultSuite.verifyingKey(encodeP256(x, y)));
    expect(thumbprint(rootKey.publicKey)).toBe(network);
    for (const { id, revocation = new Uint8Array(0) } of (await keysOf()).filter((key) => key.revocation)) {
      const trust = { suite: defaultSuite, rootKey };
      const checked = orThrow(await verifyRevocation(revocation, trust, world.runtime.now()));
      expect(checked).toMatchObject({ key: id, revokedFrom });
    }
    const fresh = (await keysOf()).filter(({ id }) => !old.some((each) => each.id === id));
    expect(fresh.map((key) => key.purpose).sort()).toEqual([...new Set([purpose, "seal"])].sort());
  });

  test("leaves every function at work, and what was sealed before readable", async () => {
    const before = await sealed();
    await expectAllAtWork(before);
    await revokeKeys(world.ports, purpose);
    await expectAllAtWork(before);
    world.runtime.advance(REVOKED_AFTER);
    await expectAllAtWork(before);
    const { operational } = await readKeyTable(world.store);
    for (const [each, custody] of world.custodies) {
      const { signing } = await custody.keys();
      expect(operational.find(({ id }) => id === signing.key.id)?.revokedFrom).toBeUndefined();
      expect(each).toBe(signing.purpose);
    }
  });

  test("that dies at any write is completed by the next call, or by the next rotation", async () => {
    for (const again of ["call", "rotation"] as const)
      for (let at = 1, reached = true; reached; at += 1)
        for (const moment of ["before", "after"] as const) {
          world = await setUp();
          await rotateKeys(world.ports);
          const before = await sealed();
          const stolen = (await keysOf()).filter((key) => key.purpose === purpose || key.purpose === "seal");
          const crashing = crashingStore();
          const mortal = { ...world.ports, store: crashing.around(world.store) };
          crashing.arm(at, moment);
          await revokeKeys(mortal, purpose).catch(() => undefined);
          reached = crashing.reached();
          const isBegun = at > 1 || moment === "after";
          await expectAllAtWork(before);
          if (again === "call") await revokeKeys(world.ports, purpose);
          else await rotateKeys(world.ports);
          await expectAllAtWork(before);
          const { operational, dataKeys, nextKeys } = await readKeyTable(world.store);
          const isRevoked = stolen.every(
            ({ id }) => operational.find((key) => key.id === id)?.revokedFrom !== undefined,
          );
          expect([isRevoked, nextKeys.size]).toEqual([again === "call" || isBegun, 0]);
          const generations = new Set(
            operational.flatMap(({ wrapped }) => [...wrapped.keys()]).map((name) => name),
          );
          const current = [...dataKeys].map(([name, { generation }]) => `${name}-${generation}`);
          expect([...generations].filter((name) => !current.includes(name))).toEqual([]);
        }
  });

  test("while rotations and other revocations run leaves one whole set of keys", async () => {
    const before = await sealed();
    world.runtime.advance(limits.operationalKeyLife / 2);
    const others = signingPurposes.filter((each) => each !== purpose);
    await Promise.all([
      revokeKeys(world.ports, purpose),
      rotateKeys(world.ports),
      ...others.map((each) => revokeKeys(world.ports, each)),
      rotateKeys(world.ports),
    ]);
    await expectAllAtWork(before);
    expect((await readKeyTable(world.store)).nextKeys.size).toBe(0);
  });
});

test.each(signingPurposes)(
  "after revoking %s its old data key opens nothing of the table",
  async (purpose) => {
    const old = (await readKeyTable(world.store)).dataKeys.get(purpose);
    await revokeKeys(world.ports, purpose);
    const { dataKeys, operational, epochs } = await readKeyTable(world.store);
    expect(dataKeys.get(purpose)?.wrapped).not.toEqual(old?.wrapped);
    const wrapped = [...operational, ...epochs.values()].flatMap((item) => [...item.wrapped.keys()]);
    expect(wrapped.filter((name) => name === `${purpose}-1`)).toEqual([]);
    expect(wrapped).toContain(`${purpose}-2`);
  },
);

test("a revocation wraps as many old sealing keys anew as three months leave", async () => {
  for (let half = 0; half < 200; half += 1) {
    world.runtime.advance(limits.operationalKeyLife / 2);
    await rotateKeys(world.ports);
  }
  const before = await sealed();
  expect((await keysOf()).length).toBeGreaterThan(180);
  await revokeKeys(world.ports, "acknowledge");
  await expectAllAtWork(before);
  const seals = (await keysOf()).filter((key) => key.purpose === "seal");
  expect(seals.every(({ wrapped }) => wrapped.has("acknowledge-2") && !wrapped.has("acknowledge-1"))).toBe(
    true,
  );
});

test("revoking decide begins an epoch and revokes those before it; the other purposes touch none", async () => {
  await revokeKeys(world.ports, "enrol");
  expect((await readKeyTable(world.store)).epochs.get(1)?.revokedFrom).toBeUndefined();
  const { revokedFrom } = await revokeKeys(world.ports, "decide");
  const { epochs } = await readKeyTable(world.store);
  expect([...epochs.keys()]).toEqual([1, 2]);
  expect(epochs.get(1)?.revokedFrom).toBe(revokedFrom);
  expect(epochs.get(2)?.revokedFrom).toBeUndefined();
  const keys = await tableCustody(world.ports, "decide").keys();
  // It begins when every function, however warm, has its root.
  expect(keys.epoch).toBe(1);
  world.runtime.advance(REVOKED_AFTER);
  expect([keys.epoch, keys.epochRevokedFrom(1), keys.epochRevokedFrom(2)]).toEqual([
    2,
    revokedFrom,
    undefined,
  ]);
});

test("a new epoch revokes those before it only where that is asked for", async () => {
  expect(await startEpoch(world.ports)).toBe(2);
  expect((await readKeyTable(world.store)).epochs.get(1)?.revokedFrom).toBeUndefined();
  expect(await startEpoch(world.ports, { revokesEarlier: true })).toBe(3);
  const { epochs } = await readKeyTable(world.store);
  const from = world.runtime.now() + REVOKED_AFTER;
  expect([...epochs.values()].map(({ revokedFrom }) => revokedFrom)).toEqual([from, from, undefined]);
});

test("a certificate is kept until the dispute window is over, its revocation with it", async () => {
  const old = (await keysOf()).find(({ purpose }) => purpose === "enrol");
  const { revokedFrom } = await revokeKeys(world.ports, "enrol");
  world.runtime.advance(9 * DAY);
  await rotateKeys(world.ports);
  const [kept] = await world.store.get([keyItems.certificate(old?.id ?? "")]);
  expect(kept).toMatchObject({ certificate: old?.certificate, notAfter: old?.notAfter, revokedFrom });
  expect(kept?.revocation).toBeInstanceOf(Uint8Array);
  expect(kept?.ttl).toBe(((old?.notAfter ?? 0) + 400 * DAY) / 1000);
});

test("a warm function whose table cannot be read for a moment looks again with the next request", async () => {
  let fails = false;
  const store: Store = {
    ...world.store,
    list: (pk, options) => (fails ? Promise.reject(new Error("away")) : world.store.list(pk, options)),
  };
  const custody = tableCustody({ ...world.ports, store }, "decide");
  const { signing } = await custody.keys();
  await revokeKeys(world.ports, "decide");
  world.runtime.advance(REVOKED_AFTER);
  fails = true;
  await expect(custody.keys()).rejects.toThrow("away");
  fails = false;
  expect((await custody.keys()).signing.key.id).not.toBe(signing.key.id);
});

test("a function that read its keys while a revocation was made has turned to the new ones when the old are refused", async () => {
  const { ports, runtime, store } = world;
  const custody = tableCustody(ports, "decide");
  // Each signature of the root takes its time, and the revocation is committed behind the last of them.
  const slow = async (data: Uint8Array) => {
    runtime.advance(500);
    await custody.keys();
    return ports.keyService.root.sign(data);
  };
  const keyService = { ...ports.keyService, root: { ...ports.keyService.root, sign: slow } };
  const { revokedFrom = 0 } = await revokeKeys({ ...ports, keyService }, "decide");
  runtime.advance(revokedFrom - runtime.now());
  const keys = await custody.keys();
  const { operational } = await readKeyTable(store);
  expect(operational.find(({ id }) => id === keys.signing.key.id)?.revokedFrom).toBeUndefined();
  // It knows scrip of the epoch that begins now, and makes its own under it.
  expect([keys.epoch, keys.epochRoot(2)?.length]).toEqual([2, 32]);
});

describe("a table that is being restored", () => {
  const copyOf = async (store: ReturnType<typeof memoryStore>) => {
    const copy = memoryStore();
    for (const { key, item } of store.items()) await copy.commit([{ put: item, at: key, expect: "absent" }]);
    return copy;
  };

  test("gets no keys from a rotation: the journal's data key would not open them, and nobody could sign", async () => {
    const lost = { ...world.ports, table: "lost" };
    await rotateKeys(lost);
    const store = await copyOf(world.store);
    await revokeKeys(lost, "decide");
    const at = world.runtime.now();
    const journal = memoryJournal();
    const records = world.store.items().map(({ key, item }) => ({ key, image: item, sequence: "1", at }));
    await journal.write({ table: "lost", records });
    world.runtime.advance(limits.operationalKeyLife / 2);
    const restored = { ...world.ports, store, table: "restored" };
    // The deployment has the new table's name already, and its schedule goes on.
    const list: typeof journal.list = async function* (...range) {
      await rotateKeys(restored);
      yield* journal.list(...range);
    };
    const { runtime } = world;
    const startingEpoch = () => startEpoch(restored, { atOnce: true });
    await restore({
      ...restored,
      runtime,
      journal: { ...journal, list },
      backupAt: at,
      startEpoch: startingEpoch,
    });
    await rotateKeys(restored);
    for (const purpose of signingPurposes)
      expect((await tableCustody(restored, purpose).keys()).epoch).toBe(purpose === "decide" ? 3 : 0);
  });

  test("is not revoked in: the journal would bring back what is stolen", async () => {
    await rotateKeys({ ...world.ports, table: "lost" });
    const copy = { ...world.ports, store: await copyOf(world.store), table: "restored" };
    await expect(revokeKeys(copy, "decide")).rejects.toThrow(StoreBusy);
  });
});

test("two readings of the keys that both fail do not keep the third from succeeding", async () => {
  const { ports, runtime, store } = world;
  const failures: ((reason: Error) => void)[] = [];
  let isHanging = false;
  const list: Store["list"] = (...asked) =>
    isHanging ? new Promise((_, reject) => failures.push(reject)) : store.list(...asked);
  const custody = tableCustody({ ...ports, store: { ...store, list } }, "decide");
  await custody.keys();
  runtime.advance(REVOKED_AFTER);
  isHanging = true;
  const readings = [custody.keys()];
  // Another request meets a key that it does not know, while the first reading hangs.
  runtime.advance(5000);
  readings.push(custody.refreshed());
  for (const fail of failures) fail(new Error("the table is away"));
  for (const reading of readings) await expect(reading).rejects.toThrow("away");
  isHanging = false;
  runtime.advance(1000);
  expect((await custody.keys()).signing.purpose).toBe("decide");
});
