/**
 * The keys in the table. KMS wraps one data key for each signing purpose, under an encryption context that names it;
 * everything that a function of this purpose needs is wrapped under that data key. So a cold start unwraps once. A data
 * key has a generation: while one takes another's place, secrets are wrapped under both, and a function uses one alone.
 */
import { limits, type Purpose, type Uid } from "@lepta/protocol";
import type { SigningPurpose } from "../ports/custody.ts";
import type { WrappingContext } from "../ports/kms.ts";
import type { Runtime } from "../ports/runtime.ts";
import { type Item, type Key, type Store, StoreBusy, type Write } from "../ports/store.ts";

export const signingPurposes: readonly SigningPurpose[] = ["enrol", "decide", "acknowledge"];
/** Of all operational keys. */
export const purposes: readonly Purpose[] = [...signingPurposes, "seal"];

/**
 * How soon what is revoked is refused, in milliseconds: functions read the table again within this time, so that none of
 * them signs with a key that others refuse already.
 */
export const REVOKED_AFTER = 60 * 1000;

const PARTITION = "KEYS";
/** The most digits of an epoch's number, so that the order of the keys is that of the epochs. */
const EPOCH_DIGITS = 10;
const PRIVATE = "private-";

export const keyItems = {
  root: { pk: PARTITION, sk: "ROOT" } satisfies Key,
  /** Which table this is, by name: a copy of it has another. */
  service: { pk: PARTITION, sk: "SERVICE" } satisfies Key,
  /** How often the keys have changed. */
  revision: { pk: PARTITION, sk: "REVISION" } satisfies Key,
  dataKey: (purpose: SigningPurpose): Key => ({ pk: PARTITION, sk: `DATAKEY#${purpose}` }),
  /** The data key that is to take the place of the one in use: a revocation is under way. */
  nextKey: (purpose: SigningPurpose): Key => ({ pk: PARTITION, sk: `NEXTKEY#${purpose}` }),
  epoch: (epoch: number): Key => ({
    pk: PARTITION,
    sk: `EPOCH#${epoch.toString().padStart(EPOCH_DIGITS, "0")}`,
  }),
  /** Of a key that is gone. */
  certificate: (id: Uid): Key => ({ pk: "CERTIFICATES", sk: id }),
  operational: (purpose: Purpose, id: Uid): Key => ({ pk: PARTITION, sk: `KEY#${purpose}#${id}` }),
} as const;

/** The encryption context of a purpose's data key. */
export const wrappingContext = (network: Uid, purpose: SigningPurpose): WrappingContext => ({
  "lepta:network": network,
  "lepta:purpose": purpose,
});

export interface DataKey {
  readonly wrapped: Uint8Array;
  /** Counts from 1. */
  readonly generation: number;
}

/** A secret wrapped for those who may use it, by `holder`. */
export type Wrappings = ReadonlyMap<string, Uint8Array>;

/** Who may use a secret: the functions of a purpose, under one generation of their data key. */
export const holder = (purpose: SigningPurpose, generation: number): string => `${purpose}-${generation}`;

/** The purpose and the generation of a holder. */
export function readHolder(name: string): { readonly purpose: SigningPurpose; readonly generation: number } {
  const [purpose = "", generation = ""] = name.split("-");
  return { purpose: purpose as SigningPurpose, generation: Number(generation) };
}

export interface OperationalItem {
  readonly purpose: Purpose;
  readonly id: Uid;
  readonly publicKey: Uint8Array;
  readonly certificate: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  /** The moment from which on it is good for nothing, and the signed revocation. */
  readonly revokedFrom?: number;
  readonly revocation?: Uint8Array;
  /** The private half. */
  readonly wrapped: Wrappings;
}

/** The root of one epoch's BrokerScrip. */
export interface EpochItem {
  readonly epoch: number;
  readonly startedAt: number;
  /** From then on its scrip is renewed and redeemed, and no longer spent. */
  readonly revokedFrom?: number;
  readonly wrapped: Wrappings;
}

/** All key items of the table. */
export interface KeyTable {
  /** The name under which the table is in service; empty while it is being restored from a backup. */
  readonly service: string | undefined;
  /** The encoded COSE_Key of the root. */
  readonly rootKey: Uint8Array | undefined;
  readonly dataKeys: ReadonlyMap<SigningPurpose, DataKey>;
  readonly nextKeys: ReadonlyMap<SigningPurpose, DataKey>;
  readonly epochs: ReadonlyMap<number, EpochItem>;
  readonly operational: readonly OperationalItem[];
}

/** Reads the partition of the keys. */
export async function readKeyTable(store: Store): Promise<KeyTable> {
  const dataKeys = new Map<SigningPurpose, DataKey>();
  const nextKeys = new Map<SigningPurpose, DataKey>();
  const epochs = new Map<number, EpochItem>();
  const operational: OperationalItem[] = [];
  let rootKey: Uint8Array | undefined;
  let service: string | undefined;
  let after: string | undefined;
  do {
    const page = await store.list(PARTITION, { limit: 100, ...(after === undefined ? {} : { after }) });
    for (const { key, item } of page.items) {
      const [kind, name = ""] = key.sk.split("#");
      if (kind === "ROOT") rootKey = bytesOf(item, "publicKey");
      else if (kind === "SERVICE") service = typeof item.table === "string" ? item.table : "";
      else if (kind === "DATAKEY") dataKeys.set(name as SigningPurpose, toDataKey(item));
      else if (kind === "NEXTKEY") nextKeys.set(name as SigningPurpose, toDataKey(item));
      else if (kind === "EPOCH") epochs.set(Number(name), toEpoch(Number(name), item));
      else if (kind === "KEY") operational.push(toOperational(item));
    }
    after = page.next;
  } while (after !== undefined);
  return { service, rootKey, dataKeys, nextKeys, epochs, operational };
}

/**
 * Throws `StoreBusy` where the table is a copy that has not been brought up to date (docs/adr/0012-the-journal.md): spent
 * scrip would be live in it. `table` is the name under which it was opened, where that is known.
 */
export function checkService(keyTable: KeyTable, table: string | undefined): void {
  if (!isInService(keyTable, table)) throw new StoreBusy();
}

/** Whether the table is the one that it says it is. A new table says nothing yet. */
export function isInService({ service }: KeyTable, table: string | undefined): boolean {
  if (service === undefined) return true;
  return service !== "" && (table === undefined || service === table);
}

/**
 * Changes the keys, step by step: reads, builds the writes of a step, commits them if nothing else has changed the keys
 * since, and reads again. No writes end it; `steps` counts those that were committed. Throws `StoreBusy` after
 * `limits.commitAttempts`.
 */
export async function changeKeys(
  store: Store,
  runtime: Runtime,
  build: (table: KeyTable, steps: number) => Promise<readonly Write[]>,
): Promise<void> {
  let steps = 0;
  for (let attempt = 0; attempt < limits.commitAttempts; attempt += 1) {
    // Before the rest: whatever changes while that is read moves the revision on.
    const [item] = await store.get([keyItems.revision]);
    const revision = item === undefined ? undefined : Number(item.revision);
    const writes = await build(await readKeyTable(store), steps);
    if (writes.length === 0) return;
    const counted: Write = {
      put: { revision: (revision ?? 0) + 1 },
      at: keyItems.revision,
      expect: revision === undefined ? "absent" : { revision },
    };
    if ((await store.commit([...writes, counted])) === "committed") steps += 1;
    else await runtime.sleep(PAUSE);
  }
  throw new StoreBusy();
}

/** Milliseconds before the keys are read again after something else has changed them. */
const PAUSE = 20;

/** Writes the item of an operational key. */
export function putOperational({ wrapped, ...key }: OperationalItem): Write {
  return {
    put: { ...key, ...spelled(wrapped) },
    at: keyItems.operational(key.purpose, key.id),
    expect: "any",
  };
}

/** Writes the item of an epoch. */
export function putEpoch({ epoch, wrapped, ...rest }: EpochItem): Write {
  return { put: { ...rest, ...spelled(wrapped) }, at: keyItems.epoch(epoch), expect: "any" };
}

const spelled = (wrapped: Wrappings): Item =>
  Object.fromEntries([...wrapped].map(([name, bytes]) => [PRIVATE + name, bytes]));

function toOperational(item: Item): OperationalItem {
  return {
    purpose: String(item.purpose) as Purpose,
    id: String(item.id),
    publicKey: bytesOf(item, "publicKey"),
    certificate: bytesOf(item, "certificate"),
    notBefore: Number(item.notBefore),
    notAfter: Number(item.notAfter),
    ...revokedIn(item),
    ...(item.revocation === undefined ? {} : { revocation: bytesOf(item, "revocation") }),
    wrapped: wrappingsIn(item),
  };
}

const toEpoch = (epoch: number, item: Item): EpochItem => ({
  epoch,
  startedAt: Number(item.startedAt),
  ...revokedIn(item),
  wrapped: wrappingsIn(item),
});

const toDataKey = (item: Item): DataKey => ({
  wrapped: bytesOf(item, "wrapped"),
  generation: Number(item.generation),
});

const revokedIn = ({ revokedFrom }: Item) =>
  revokedFrom === undefined ? {} : { revokedFrom: Number(revokedFrom) };

const wrappingsIn = (item: Item): Wrappings =>
  new Map(
    Object.entries(item).flatMap(([name, value]) =>
      name.startsWith(PRIVATE) && value instanceof Uint8Array ? [[name.slice(PRIVATE.length), value]] : [],
    ),
  );

function bytesOf(item: Item, name: string): Uint8Array {
  const value = item[name];
  if (value instanceof Uint8Array) return value;
  throw new Error(`a key item of the table lacks ${name}`);
}
