import { type Change, memoryPeerStore, type PeerStore, type Runtime } from "@lepta/peer-sdk";
import {
  encodeAs,
  epochOf,
  idBytes,
  isRefusal,
  limits,
  type Minted,
  mint,
  readScrip,
  type ScripTuple,
  scripOf,
  toText,
} from "@lepta/protocol";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { moments } from "../../peer-sdk/src/merchant/moment.ts";
import { placesUnder } from "../../peer-sdk/src/merchant/place.ts";
import { merchantTables, type ScripRecord, scripRecord } from "../../peer-sdk/src/merchant/records.ts";
import { readHead } from "../../peer-sdk/src/merchant/scrip-head.ts";
import { ScripTable } from "../../peer-sdk/src/merchant/scrip-table.ts";
import { euro } from "./support/hand.ts";
import { repeatableRuntime } from "./support/world.ts";

const EPOCH_ROOT = new Uint8Array(32).fill(3);
const NETWORK = toText(new Uint8Array(32).fill(1));
const ISSUER = toText(new Uint8Array(32).fill(2));
const OWNER = toText(new Uint8Array(32).fill(4));
const TXN = toText(new Uint8Array(16).fill(5));
const EXPIRES = Date.UTC(2027, 3, 1);

let runtime: Runtime;
let disk: PeerStore;
/** What the next commit does; once. */
let next: ((changes: readonly Change[]) => Promise<void>) | undefined;
let isReadable: boolean;
let table: ScripTable;

beforeEach(async () => {
  runtime = repeatableRuntime("scrip table");
  disk = memoryPeerStore();
  next = undefined;
  isReadable = true;
  table = await opened();
});
afterEach(() => disk.close());

/** The table as a merchant opens it. */
const opened = (): Promise<ScripTable> =>
  ScripTable.open({ identity: { epoch: 1, epochRoot: EPOCH_ROOT }, runtime, store: failing });

const failing: PeerStore = {
  get: async (key) => {
    if (!isReadable) throw new Error("cannot be read");
    return disk.get(key);
  },
  list: (prefix, options) => disk.list(prefix, options),
  openLog: (name) => disk.openLog(name),
  commit: (changes) => {
    const work = next ?? disk.commit;
    next = undefined;
    return work(changes);
  },
  close: () => disk.close(),
};

interface Made extends Minted {
  readonly record: ScripRecord & { readonly state: "live" };
  readonly tuple: ScripTuple;
}

function make(): Made {
  const salt = runtime.random(16);
  const id = table.take(salt);
  const value = euro("0.10");
  const minted = mint(
    { epochRoot: EPOCH_ROOT, salt },
    { kind: "vendor", network: NETWORK, issuer: ISSUER, owner: OWNER, id, value, expiresAt: EXPIRES },
  );
  const record = {
    state: "live",
    owner: OWNER,
    value,
    expiresAt: EXPIRES,
    salt,
    from: TXN,
    origin: id,
  } as const;
  return { ...minted, record, tuple: scripOf(minted.grant) };
}

/** A scrip that is in the table, in this state. */
async function kept(state: ScripRecord["state"] = "live"): Promise<Made> {
  const made = make();
  await table.store.commit([
    table.put(made.body.id, { ...made.record, state: state === "spent" ? "live" : state }),
  ]);
  if (state === "spent") await table.store.commit(spending(made));
  return made;
}

const spending = ({ body, record }: Made): readonly Change[] => table.spend(body.id, record, TXN);
const stateOf = ({ body, tuple }: Made): string | undefined => table.find(body, tuple)?.state;

/** Memory and disk say the same of it: where memory speaks, it says what a table says that has just been opened. */
async function expectAsOnDisk(made: Made): Promise<void> {
  const before = table;
  const spoken = before.find(made.body, made.tuple);
  table = await opened();
  const read = table.find(made.body, made.tuple);
  if (spoken !== undefined) expect(spoken).toEqual(read);
  const onDisk = await merchantTables(disk).scrip.get(made.body.id);
  expect(read?.state).toBe(onDisk?.state === "live" || onDisk?.state === "lane" ? onDisk.state : undefined);
  table = before;
}

const broken = async (): Promise<never> => {
  throw new Error("the disk is full");
};
const doneAndBroken = async (changes: readonly Change[]): Promise<never> => {
  await disk.commit(changes);
  throw new Error("the disk said nothing");
};

describe("what memory answers for", () => {
  test("a live scrip is known by its certificate, with all that its body proves", async () => {
    const { body, tuple, record } = await kept();
    const { from: _unread, ...proven } = record;
    isReadable = false;
    expect(table.find(body, tuple)).toEqual(proven);
  });

  test("what descends from another keeps its parent and its line", async () => {
    const salt = runtime.random(16);
    const [parent, origin] = [toText(runtime.random(16)), toText(runtime.random(16))];
    const id = table.take(salt);
    const draft = { owner: OWNER, value: euro("0.10"), expiresAt: EXPIRES, parent, origin };
    const { body, grant } = mint(
      { epochRoot: EPOCH_ROOT, salt },
      { kind: "vendor", network: NETWORK, issuer: ISSUER, id, ...draft },
    );
    await table.store.commit([table.put(id, { state: "live", salt, from: TXN, ...draft })]);
    expect(table.find(body, scripOf(grant))).toEqual({ state: "live", salt, ...draft });
  });

  test.each(["live", "lane"] as const)("%s: yes, before and after it is opened again", async (state) => {
    const made = await kept(state);
    expect(stateOf(made)).toBe(state);
    table = await opened();
    expect(stateOf(made)).toBe(state);
  });

  test.each(["reserved", "returning", "spent"] as const)("%s: that the disk says", async (state) => {
    const made = await kept(state);
    expect(stateOf(made)).toBeUndefined();
    table = await opened();
    expect(stateOf(made)).toBeUndefined();
    expect((await table.get(made.body.id))?.state).toBe(state);
    expect(table.size).toBe(state === "spent" ? 0 : 1);
  });

  test("a scrip of another body, certificate or id at the same place is not answered for", async () => {
    const made = await kept();
    const [body, certificate] = made.tuple;
    const flipped = certificate.slice();
    flipped[0] = (flipped[0] ?? 0) ^ 1;
    expect(table.find(made.body, [body, flipped])).toBeUndefined();
    const altered = body.slice();
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
    const read = readScrip(altered);
    expect(table.find(isRefusal(read) ? made.body : read, [altered, certificate])).toBeUndefined();
    await table.store.commit(spending(made));
    const heir = await kept();
    expect(table.find(made.body, made.tuple), "the place is another's").toBeUndefined();
    expect(stateOf(heir)).toBe("live");
  });

  test("every step from made to spent is followed", async () => {
    const made = make();
    const { id } = made.body;
    const steps = [
      ["reserved", undefined],
      ["live", "live"],
      ["returning", undefined],
      ["live", "live"],
      ["lane", "lane"],
    ] as const;
    expect(stateOf(made)).toBeUndefined();
    for (const [state, said] of steps) {
      await table.store.commit([table.put(id, { ...made.record, state })]);
      expect(stateOf(made)).toBe(said);
      await expectAsOnDisk(made);
    }
    await table.store.commit(spending(made));
    expect([stateOf(made), table.size]).toEqual([undefined, 0]);
    const spent = await table.get(id);
    expect([spent?.state, spent?.spentBy, spent?.salt]).toEqual(["spent", TXN, undefined]);
  });

  test("a V0 that the broker refuses is forgotten, on disk and in memory", async () => {
    const made = await kept("reserved");
    await table.store.commit([table.forget(made.body.id, made.record)]);
    expect([await table.get(made.body.id), table.size]).toEqual([undefined, 0]);
  });

  test("a scrip without its secrets is neither kept as unspent nor spent again", () => {
    const { body, record } = make();
    const { salt: _gone, ...spent } = record;
    expect(() => table.put(body.id, spent)).toThrow(TypeError);
    expect(() => table.put(body.id, { ...record, state: "spent" })).toThrow(TypeError);
    expect(() => table.spend(body.id, spent, TXN)).toThrow("no salt");
  });
});

describe("memory and a commit", () => {
  test("until it is durable memory says what was before", async () => {
    const made = await kept();
    let finish = (): void => {};
    next = (changes) =>
      new Promise((resolve) => {
        finish = () => resolve(disk.commit(changes));
      });
    const committed = table.store.commit(spending(made));
    expect(stateOf(made)).toBe("live");
    finish();
    await committed;
    expect(stateOf(made)).toBeUndefined();
  });

  test("that fails changes nothing in memory either", async () => {
    const made = await kept();
    next = broken;
    await expect(table.store.commit(spending(made))).rejects.toThrow("full");
    expect([stateOf(made), table.size]).toEqual(["live", 1]);
    await expectAsOnDisk(made);
    await table.store.commit(spending(made));
    expect([stateOf(made), table.size]).toEqual([undefined, 0]);
  });

  test("that was made although it failed is followed", async () => {
    const made = await kept();
    next = doneAndBroken;
    await expect(table.store.commit(spending(made))).rejects.toThrow("nothing");
    expect([stateOf(made), table.size]).toEqual([undefined, 0]);
    await expectAsOnDisk(made);
  });

  test("of a new scrip that fails gives its place back", async () => {
    const made = make();
    next = broken;
    await expect(table.store.commit([table.put(made.body.id, made.record)])).rejects.toThrow("full");
    expect([stateOf(made), table.size]).toEqual([undefined, 0]);
  });

  test.each([broken, doneAndBroken])(
    "after which the disk cannot be read leaves it to the disk to say: %o",
    async (fault) => {
      const made = await kept();
      next = async (changes) => {
        isReadable = false;
        return fault(changes);
      };
      await expect(table.store.commit(spending(made))).rejects.toThrow("the disk");
      expect(stateOf(made), "neither live nor spent").toBeUndefined();
      isReadable = true;
      const onDisk = await table.get(made.body.id);
      expect(onDisk?.state).toBe(fault === broken ? "live" : "spent");
      await expectAsOnDisk(made);
      if (onDisk?.state === "live") await table.store.commit(table.spend(made.body.id, onDisk, TXN));
      expect((await table.get(made.body.id))?.state).toBe("spent");
    },
  );

  test("of several scrips is followed whole", async () => {
    const [old, made] = [await kept(), make()];
    await table.store.commit([...spending(old), table.put(made.body.id, made.record)]);
    expect([stateOf(old), stateOf(made), table.size]).toEqual([undefined, "live", 1]);
  });
});

describe("opening", () => {
  test("reads scrip of every state, over several pages, and only what is not spent stays in memory", async () => {
    const states = ["reserved", "live", "returning", "lane", "spent"] as const;
    const all: Made[] = [];
    for (let i = 0; i < limits.scripRows + 10; i += 1) {
      const made = make();
      const state = states[i % states.length] ?? "live";
      await table.store.commit([
        ...(state === "spent" ? spending(made) : [table.put(made.body.id, { ...made.record, state })]),
      ]);
      all.push(made);
    }
    table = await opened();
    expect(table.size).toBe(all.filter((_, i) => i % states.length !== 4).length);
    for (const [i, made] of all.entries()) {
      const state = states[i % states.length];
      expect(stateOf(made)).toBe(state === "live" || state === "lane" ? state : undefined);
    }
    const fresh = await kept();
    expect(stateOf(fresh), "its place was nobody's").toBe("live");
    for (const [i, made] of all.entries()) if (i % states.length === 1) expect(stateOf(made)).toBe("live");
  });

  test("a scrip that was named and not kept before has its place still", async () => {
    const made = make();
    table = await opened();
    table.hold(made.body.id, made.record.salt ?? new Uint8Array(0));
    const other = await kept();
    await table.store.commit([table.put(made.body.id, made.record)]);
    expect([stateOf(made), stateOf(other)]).toEqual(["live", "live"]);
  });

  test("a record that is none is store-damaged", async () => {
    await kept();
    const [row] = await disk.list("scrip/");
    await disk.commit([{ key: row?.[0] ?? "", value: new Uint8Array([0xa1, 0x01, 0x61, 0x78]) }]);
    await expect(opened()).rejects.toMatchObject({ code: "store-damaged" });
  });

  test("what is read of a record is what is in it, whatever its amounts and times", () => {
    const id16 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toText);
    const record = fc.record(
      {
        state: fc.constantFrom("reserved", "live", "returning", "lane", "spent"),
        owner: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toText),
        value: fc.bigInt({ min: 1n, max: limits.amount }).map((value) => ({ currency: "EUR", value })),
        expiresAt: fc.oneof(fc.nat(300), fc.nat(70_000), fc.maxSafeNat()),
        salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
        from: id16,
        spentBy: id16,
        refusals: fc.nat(64),
        parent: id16,
        origin: id16,
      },
      { requiredKeys: ["state", "owner", "value", "expiresAt", "origin"] },
    );
    fc.assert(
      fc.property(record, (each) => {
        const { state, salt } = readHead("scrip/one", encodeAs(scripRecord, each as ScripRecord));
        expect(state).toBe(each.state);
        if (state !== "spent") expect(salt).toEqual(each.salt);
      }),
    );
  });
});

describe("a scrip's place in its id", () => {
  const places = placesUnder(EPOCH_ROOT);
  const moment = fc.uint8Array({ minLength: 8, maxLength: 8 });

  test("is read by its issuer, beside the epoch", () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 31),
        moment,
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        (epoch, drawn, place) => {
          const id = places.idOf(epoch, drawn, place);
          expect([epochOf(id), places.placeOf(id)]).toEqual([epoch, place]);
        },
      ),
    );
    for (const place of [0, 2 ** 24, 2 ** 31, 2 ** 32 - 1])
      expect(places.placeOf(places.idOf(1, new Uint8Array(8), place))).toBe(place);
  });

  test("tells nobody else how much is outstanding: it looks another each time, and another under another key", () => {
    const tail = (id: string): string => toText(idBytes(id).subarray(12));
    const drawn = Array.from({ length: 100 }, () => runtime.random(8));
    expect(new Set(drawn.map((each) => tail(places.idOf(1, each, 0)))).size).toBe(100);
    const others = placesUnder(new Uint8Array(32).fill(9));
    const same = drawn.filter((each) => others.placeOf(places.idOf(1, each, 7)) === 7);
    expect(same).toEqual([]);
  });

  test("comes with a moment: what is made in a place again has another id", async () => {
    const ids = new Set<string>();
    for (let i = 0; i < 50; i += 1) {
      const made = await kept();
      ids.add(made.body.id);
      await table.store.commit(spending(made));
    }
    expect(ids.size).toBe(50);
  });
});

describe("a moment", () => {
  const numberOf = (moment: Uint8Array): bigint => new DataView(moment.buffer).getBigUint64(0);
  /** Draws this number of three bytes each time. */
  const drawing = (drawn: number) => () => new Uint8Array([drawn >> 16, drawn >> 8, drawn]);

  test("says when, and none comes twice, whatever the clock does", () => {
    const steps = fc.array(fc.integer({ min: -8, max: 12 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(steps, fc.nat(2 ** 24 - 1), (all, drawn) => {
        let now = EXPIRES;
        const next = moments({ now: () => now, random: drawing(drawn) });
        let last = 0n;
        for (const step of all) {
          now += step;
          const moment = numberOf(next());
          expect(moment).toBeGreaterThan(last);
          expect(Number(moment >> 20n)).toBeGreaterThanOrEqual(now);
          last = moment;
        }
      }),
    );
  });

  test("goes on in the next millisecond where one is full", () => {
    const next = moments({ now: () => EXPIRES, random: drawing(2 ** 20 - 1) });
    const [first = 0n, second] = [numberOf(next()), numberOf(next())];
    expect([first >> 20n, second]).toEqual([BigInt(EXPIRES), first + 1n]);
  });

  test("does not say how many there were: the count begins where chance has it", () => {
    const firsts = [5, 7].map((drawn) => numberOf(moments({ now: () => EXPIRES, random: drawing(drawn) })()));
    expect(firsts.map((each) => each % 2n ** 20n)).toEqual([5n, 7n]);
  });
});
