/** What a merchant's outstanding scrip costs in memory: spending and issuing among few and among many, bytes, loading. */
import { randomBytes } from "node:crypto";

import { amountOf, type ScripBody, type ScripTuple, scripOf, toText } from "@lepta/protocol";
import { issue } from "../../peer-sdk/src/merchant/issue.ts";
import { Outstanding, SALT } from "../../peer-sdk/src/merchant/outstanding.ts";
import { ScripTable } from "../../peer-sdk/src/merchant/scrip-table.ts";
import { type Change, type PeerStore, systemRuntime } from "../../peer-sdk/src/ports.ts";
import { memoryPeerStore } from "../../peer-sdk/src/store/memory.ts";
import { sqlitePeerStore } from "../../peer-sdk/src/store/sqlite.ts";
import { median } from "./statistics.ts";

const FEW = 10_000;
const MANY = 10_000_000;
/** Scrips that are spent and issued in turn: they lie as far apart as they can. */
const SPREAD = 4096;

export interface OutstandingResult {
  /** One spend and one issue among ten million, in times of the same among ten thousand: of the rounds' medians. */
  readonly spend10MVs10k: number;
  /** What the table of ten million takes, salts included, by its own count. */
  readonly spentTable10MBytes: number;
  /** The same by the process's count of what lies outside the heap. */
  readonly arrayBuffers10MBytes: number;
  /** One spend and one issue, in microseconds. */
  readonly spend10k: number;
  readonly spend10M: number;
}

/** Measures spend and issue at both sizes in turn, in so many rounds of so many each. */
export async function measureOutstanding({ rounds = 9, spends = 20_000 } = {}): Promise<OutstandingResult> {
  const before = process.memoryUsage().arrayBuffers;
  const many = await fill(MANY);
  const arrayBuffers10MBytes = process.memoryUsage().arrayBuffers - before;
  const few = await fill(FEW);
  const times: { readonly few: number[]; readonly many: number[] } = { few: [], many: [] };
  // The first turn warms up and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    const first = round % 2 === 0 ? "few" : "many";
    for (const which of [first, first === "few" ? "many" : "few"] as const) {
      const micros = await spend(which === "few" ? few : many, spends);
      if (round > 0) times[which].push(micros);
    }
  }
  const [spend10k, spend10M] = [median(times.few), median(times.many)];
  return {
    spend10MVs10k: spend10M / spend10k,
    spentTable10MBytes: many.table.bytes,
    arrayBuffers10MBytes,
    spend10k,
    spend10M,
  };
}

/** Seconds in which so much outstanding scrip is read from SQLite, with as much beside it that is spent. */
export async function measureLoading(
  dir: string,
  records = 1_000_000,
): Promise<{ readonly secondsPerMillion: number; readonly outstanding: number }> {
  const store = sqlitePeerStore(dir);
  try {
    const scrip = await ScripTable.open(partyOn(store));
    for (let made = 0; made < 2 * records; ) {
      const page: Change[] = [];
      for (; page.length < 10_000 && made < 2 * records; made += 1) {
        const { id, record } = make(scrip);
        page.push(scrip.put(id, record));
        if (made % 2 === 1) page.push(...scrip.spend(id, record, TXN));
      }
      await scrip.store.commit(page);
    }
    const start = performance.now();
    const { size } = await ScripTable.open(partyOn(store));
    return {
      secondsPerMillion: ((performance.now() - start) / 1000 / records) * 1_000_000,
      outstanding: size,
    };
  } finally {
    await store.close();
  }
}

interface Filled {
  readonly table: ScripTable;
  readonly shown: { readonly body: ScripBody; readonly tuple: ScripTuple }[];
}

const TXN = toText(randomBytes(16));
const OWNER = toText(randomBytes(32));
const IDENTITY = {
  epoch: 1,
  epochRoot: randomBytes(32),
  uid: toText(randomBytes(32)),
  network: toText(randomBytes(32)),
};
const VALUE = amountOf("EUR", 100_000n);
const EXPIRES_AT = Date.UTC(2030, 0, 1);

/** Keeps nothing: what a disk costs is not measured here. */
const noDisk: PeerStore = {
  ...memoryPeerStore(),
  get: async () => undefined,
  list: async () => [],
  commit: async () => {},
  close: async () => {},
};

const partyOn = (store: PeerStore) => ({ identity: IDENTITY, runtime: systemRuntime, store });

/** A new scrip, with the record of it. */
function make(scrip: ScripTable, parent?: ScripBody) {
  const made = issue(
    { party: partyOn(noDisk), tables: { scrip } },
    {
      owner: OWNER,
      value: VALUE,
      expiresAt: EXPIRES_AT,
      ...(parent === undefined ? {} : { parent: parent.id, origin: parent.origin ?? parent.id }),
    },
  );
  const { id, salt } = made;
  const record = {
    state: "live" as const,
    owner: OWNER,
    value: VALUE,
    expiresAt: EXPIRES_AT,
    salt,
    from: TXN,
    origin: made.body.origin ?? id,
  };
  return { ...made, record };
}

/** A table with so many outstanding, and some of them, from all over it, as their owners show them. */
async function fill(count: number): Promise<Filled> {
  const memory = new Outstanding();
  const table = await ScripTable.open(partyOn(noDisk), memory);
  const shown: Filled["shown"] = [];
  const every = Math.floor(count / SPREAD);
  const salts = randomBytes(SALT * 4096);
  for (let i = 0; i < count; i += 1) {
    if (i % every === 0 && shown.length < SPREAD) {
      const made = make(table);
      await table.store.commit([table.put(made.id, made.record)]);
      shown.push({ body: made.body, tuple: scripOf(made.grant) });
    } else {
      // Apart from each other in some bytes, as random ones are.
      const at = (i % 4096) * SALT;
      salts.writeUInt32LE(i, at);
      const salt = salts.subarray(at, at + SALT);
      memory.set(memory.take(salt), salt, "live");
    }
  }
  return { table, shown };
}

/** Spends scrips that are shown, in no order of their places, each for a new one; microseconds for one. */
async function spend({ table, shown }: Filled, times: number): Promise<number> {
  const start = process.hrtime.bigint();
  for (let i = 0; i < times; i += 1) {
    const at = (i * 1597) % shown.length;
    const each = shown[at];
    const scrip = each && table.find(each.body, each.tuple);
    if (each === undefined || scrip === undefined) throw new Error("a scrip of ours is not known");
    const made = make(table, each.body);
    await table.store.commit([...table.spend(each.body.id, scrip, TXN), table.put(made.id, made.record)]);
    shown[at] = { body: made.body, tuple: scripOf(made.grant) };
  }
  return Number(process.hrtime.bigint() - start) / times / 1000;
}
