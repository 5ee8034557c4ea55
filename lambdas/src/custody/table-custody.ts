/** Custody from the table: one KMS call at a cold start, none for a warm request. */
import {
  defaultSuite,
  isRefusal,
  type OpeningKey,
  type SigningKey,
  type Suite,
  type Trust,
  thumbprint,
  type Uid,
} from "@lepta/protocol";
import type { Custody, KeySet, SigningPurpose } from "../ports/custody.ts";
import type { KeyService } from "../ports/kms.ts";
import type { Runtime } from "../ports/runtime.ts";
import { type Store, StoreBusy } from "../ports/store.ts";
import {
  checkService,
  type KeyTable,
  type OperationalItem,
  readKeyTable,
  wrappingContext,
} from "./key-items.ts";
import { epochName, operationalName } from "./rotate.ts";
import { unwrap } from "./wrapping.ts";

/** How long keys are used before the table is read again. */
const REFRESH_AFTER = 5 * 60 * 1000;
/** How soon the table may be read again for a key that is not known. */
const REFRESH_LEAST = 1000;

export interface CustodyPorts {
  readonly store: Store;
  readonly keyService: KeyService;
  readonly suite: Suite;
  readonly runtime: Runtime;
  /** The table's name: a copy of it under another name is not served. */
  readonly table?: string;
}

/** The custody of one function, which signs for one purpose. */
export function tableCustody(ports: CustodyPorts, purpose: SigningPurpose): Custody {
  const { runtime } = ports;
  // Private halves by id and the plain data key, kept for as long as the function is warm.
  const memory: Memory = { dataKey: undefined, opening: new Map(), signing: new Map() };
  let loading: Promise<KeySet> | undefined;
  let loadedAt = Number.NEGATIVE_INFINITY;

  const load = (): Promise<KeySet> => {
    const before = loading;
    loadedAt = runtime.now();
    const fresh = loadKeySet(ports, purpose, memory).catch((error: unknown) => {
      // The next request looks again; the keys from before are as good as they were.
      if (loading === fresh) loading = before;
      throw error;
    });
    loading = fresh;
    return fresh;
  };
  return {
    keys: async () => {
      if (loading === undefined || runtime.now() - loadedAt >= REFRESH_AFTER) return load();
      const keySet = await loading;
      return runtime.now() < keySet.signing.notAfter ? keySet : load();
    },
    refreshed: async () => {
      if (loading !== undefined && runtime.now() - loadedAt < REFRESH_LEAST) throw new StoreBusy();
      return load();
    },
  };
}

interface Memory {
  dataKey: Uint8Array | undefined;
  readonly opening: Map<Uid, OpeningKey>;
  readonly signing: Map<Uid, SigningKey>;
}

async function loadKeySet(ports: CustodyPorts, purpose: SigningPurpose, memory: Memory): Promise<KeySet> {
  const { store, suite, runtime } = ports;
  const table = await readKeyTable(store);
  checkService(table, ports.table);
  const trust = await trustOf(table, suite);
  const network = trust.rootKey.id;
  const dataKey = memory.dataKey ?? (await unwrapDataKey(ports, network, purpose, table));
  memory.dataKey = dataKey;
  const now = runtime.now();
  const half = (key: OperationalItem): Uint8Array | undefined => {
    const wrapped = key.wrapped.get(purpose);
    return wrapped && unwrap(dataKey, operationalName(key.purpose, key.id), wrapped);
  };

  for (const key of table.operational.filter(
    (each) => each.purpose === "seal" && !memory.opening.has(each.id),
  )) {
    const secret = half(key);
    if (secret !== undefined) memory.opening.set(key.id, await suite.openingKey(secret));
  }
  const current = table.operational
    .filter((key) => key.purpose === purpose && key.notBefore <= now && now < key.notAfter)
    .sort((a, b) => b.notAfter - a.notAfter)[0];
  const secret = current && half(current);
  if (current === undefined || secret === undefined)
    throw new Error(`there is no valid operational key for ${purpose}; key rotation is overdue`);
  const key = memory.signing.get(current.id) ?? (await suite.signingKey(secret));
  memory.signing.set(current.id, key);

  const roots = purpose === "decide" ? unwrapEpochs(dataKey, table) : new Map<number, Uint8Array>();
  return {
    trust,
    network,
    signing: { purpose, key, certificate: current.certificate, notAfter: current.notAfter },
    opening: (kid) => memory.opening.get(kid),
    epoch: Math.max(0, ...roots.keys()),
    epochRoot: (epoch) => roots.get(epoch),
  };
}

async function trustOf(table: KeyTable, suite: Suite): Promise<Trust> {
  if (table.rootKey === undefined) throw new Error("the table holds no keys yet; run key rotation first");
  const rootKey = await defaultSuite.verifyingKey(table.rootKey);
  if (isRefusal(rootKey))
    throw new Error(`the root key in the table cannot be read: ${thumbprint(table.rootKey)}`);
  return { suite, rootKey };
}

async function unwrapDataKey(
  { keyService }: CustodyPorts,
  network: Uid,
  purpose: SigningPurpose,
  table: KeyTable,
): Promise<Uint8Array> {
  const wrapped = table.dataKeys.get(purpose);
  if (wrapped === undefined) throw new Error(`there is no data key for ${purpose}; run key rotation first`);
  return keyService.wrapper.unwrap(wrapped, wrappingContext(network, purpose));
}

const unwrapEpochs = (dataKey: Uint8Array, table: KeyTable): ReadonlyMap<number, Uint8Array> =>
  new Map([...table.epochs].map(([epoch, wrapped]) => [epoch, unwrap(dataKey, epochName(epoch), wrapped)]));
