/** A wallet whose store has a vault for private keys, as a browser's has: on WebCrypto, whose keys are objects. */
import "fake-indexeddb/auto";
import { indexedDbPeerStore, type PeerStore, type Wallet } from "@lepta/peer-sdk";
import { type IdentityRecord, identities, SELF } from "@lepta/peer-sdk/records";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, describe, expect, test } from "vitest";
import { defaultSuite as webSuite } from "../../protocol/src/suite/default-web.ts";
import { given } from "./support/hand.ts";
import { codeOf, createWorld, type World } from "./support/world.ts";

let world: World;
let factory: IDBFactory;
beforeEach(async () => {
  world = await createWorld();
  factory = new IDBFactory();
});

const disk = (name = "wallet"): Promise<PeerStore> => indexedDbPeerStore(name, { factory });
const open = async (options: Parameters<World["wallet"]>[0] = {}, name = "wallet"): Promise<Wallet> => {
  const store = await disk(name);
  try {
    return await world.wallet({ store, suite: webSuite, ...options });
  } catch (error) {
    await store.close();
    throw error;
  }
};
const recordOf = async (): Promise<IdentityRecord> => {
  const store = await disk();
  const record = given(await identities(store).get(SELF));
  await store.close();
  return record;
};

describe("a wallet with a vault", () => {
  test("keeps public halves and no secret, and goes on with the same UID and money", async () => {
    const first = await open();
    await first.topUp("EUR 5.00");
    const { uid } = first;
    await first.close();
    const { signing, sealing, entropy, epochRoot, vaulted } = await recordOf();
    expect([signing.length, sealing.length, entropy, epochRoot, vaulted]).toEqual([
      75,
      40,
      undefined,
      undefined,
      true,
    ]);
    const again = await open();
    expect(again.uid).toBe(uid);
    expect((await again.balance()).brokerScrip).toBe("EUR 5.00");
    await again.topUp("EUR 1.00");
    await again.close();
  });

  test("tells its phrase in the session that made it and in no other", async () => {
    const first = await open();
    expect((await first.recoveryPhrase()).split(" ")).toHaveLength(12);
    await first.close();
    const again = await open();
    await expect(again.recoveryPhrase()).rejects.toThrow(expect.objectContaining({ code: "bad-phrase" }));
    await again.close();
  });

  test("tells it to whom it was asked to and to nobody else, and is restored from it", async () => {
    const told: string[] = [];
    const first = await open({ onPhrase: (phrase) => void told.push(phrase) });
    await expect(first.recoveryPhrase()).rejects.toThrow(expect.objectContaining({ code: "bad-phrase" }));
    await first.topUp("EUR 5.00");
    await first.close();
    expect(told).toHaveLength(1);
    const phrase = given(told[0]);
    const restored = await open({ phrase, onPhrase: () => expect.unreachable() }, "new");
    expect(restored.uid).toBe(first.uid);
    await restored.recover();
    expect((await restored.balance()).brokerScrip).toBe("EUR 5.00");
    await restored.close();
    const again = await open({ onPhrase: () => expect.unreachable() });
    await again.close();
  });

  test("is nowhere where whoever is told the phrase fails, and is told another one next time", async () => {
    const told: string[] = [];
    const failing = (phrase: string): void => {
      told.push(phrase);
      throw new Error("no pencil");
    };
    await expect(open({ onPhrase: failing })).rejects.toThrow("no pencil");
    const store = await disk();
    expect(await identities(store).get(SELF)).toBeUndefined();
    expect(await given(store.keys).get("signing")).toBeUndefined();
    await store.close();
    const second = await open({ onPhrase: (phrase) => void told.push(phrase) });
    await second.close();
    expect(new Set(told).size).toBe(2);
  });

  test("that died between its keys and its record begins anew, with keys that fit", async () => {
    const store = await disk();
    const dying: PeerStore = {
      ...store,
      commit: async (changes) => {
        if (changes.some(({ key }) => key.startsWith("identity/"))) throw new Error("died");
        await store.commit(changes);
      },
    };
    await expect(world.wallet({ store: dying, suite: webSuite })).rejects.toThrow("died");
    await store.close();
    const next = await open();
    await next.topUp("EUR 1.00");
    await next.close();
  });

  test("takes the phrase that it was made from again, and no other", async () => {
    const first = await open();
    const phrase = await first.recoveryPhrase();
    await first.close();
    const same = await open({ phrase });
    expect(same.uid).toBe(first.uid);
    await same.close();
    const other = await open({}, "other");
    const theirs = await other.recoveryPhrase();
    await other.close();
    expect(await codeOf(open({ phrase: theirs }))).toBe("store-damaged");
  });

  test.each(["signing", "sealing"] as const)(
    "whose %s key in the vault is another's is refused with store-damaged, and so is one without it",
    async (name) => {
      await (await open()).close();
      const other = given(webSuite.handles);
      const bytes = new Uint8Array(32).fill(5);
      const handle = await (name === "signing" ? other.importSigning(bytes) : other.importOpening(bytes));
      const store = await disk();
      await given(store.keys).put({ [name]: handle });
      await store.close();
      expect(await codeOf(open())).toBe("store-damaged");
      const { keys: _, ...bare } = await disk();
      expect(await codeOf(world.wallet({ store: bare, suite: webSuite }))).toBe("store-damaged");
      await bare.close();
    },
  );
});
