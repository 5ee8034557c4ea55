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
  type DataKey,
  holder,
  type KeyTable,
  type OperationalItem,
  REVOKED_AFTER,
  readKeyTable,
  type Wrappings,
  wrappingContext,
} from "./key-items.ts";
import { dataKeyOf } from "./keyring.ts";
import { epochName, operationalName } from "./operational.ts";
import { unwrap } from "./wrapping.ts";

/**
 * How long keys are used before the table is read again: shorter than a revoked key is still taken, by the time that the
 * revocation itself takes between its moment and its commit, and that a request takes which has its keys already.
 */
const REFRESH_AFTER = REVOKED_AFTER / 2;
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
  let triedAt = Number.NEGATIVE_INFINITY;
  // The last reading that succeeded.
  let good = { loading, loadedAt };

  const load = (): Promise<KeySet> => {
    const at = runtime.now();
    const fresh: Promise<KeySet> = loadKeySet(ports, purpose, memory).then(
      (keySet) => {
        if (at >= good.loadedAt) good = { loading: fresh, loadedAt: at };
        return keySet;
      },
      (error: unknown) => {
        // The keys from before are as good as they were and get no older by it: what looks next looks in their time.
        if (loading === fresh) ({ loading, loadedAt } = good);
        throw error;
      },
    );
    loading = fresh;
    loadedAt = at;
    triedAt = at;
    return fresh;
  };
  return {
    keys: async () => {
      if (loading === undefined || runtime.now() - loadedAt >= REFRESH_AFTER) return load();
      const keySet = await loading;
      return runtime.now() < keySet.signing.notAfter ? keySet : load();
    },
    refreshed: async () => {
      if (loading !== undefined && runtime.now() - triedAt < REFRESH_LEAST) throw new StoreBusy();
      return load();
    },
  };
}

interface Memory {
  dataKey: { readonly generation: number; readonly plain: Uint8Array } | undefined;
  readonly opening: Map<Uid, OpeningKey>;
  readonly signing: Map<Uid, SigningKey>;
}

async function loadKeySet(ports: CustodyPorts, purpose: SigningPurpose, memory: Memory): Promise<KeySet> {
  const { store, suite, runtime } = ports;
  const table = await readKeyTable(store);
  checkService(table, ports.table);
  const trust = await trustOf(table, suite);
  const network = trust.rootKey.id;
  const { generation, wrapped: wrappedKey } = dataKeyOf(table, purpose);
  if (memory.dataKey?.generation !== generation)
    memory.dataKey = { generation, plain: await unwrapDataKey(ports, network, purpose, wrappedKey) };
  const { plain } = memory.dataKey;
  const now = runtime.now();
  const opened = (wrappings: Wrappings, name: string): Uint8Array | undefined => {
    const wrapped = wrappings.get(holder(purpose, generation));
    return wrapped && unwrap(plain, name, wrapped);
  };
  const half = (key: OperationalItem): Uint8Array | undefined =>
    opened(key.wrapped, operationalName(key.purpose, key.id));

  for (const key of table.operational.filter(
    (each) => each.purpose === "seal" && !memory.opening.has(each.id),
  )) {
    const secret = half(key);
    if (secret !== undefined) memory.opening.set(key.id, await suite.openingKey(secret));
  }
  const current = table.operational
    .filter((key) => key.purpose === purpose && key.notBefore <= now && now < key.notAfter)
    // Before the moment from which on it is refused, so that what it signed arrives in time.
    .filter(({ revokedFrom }) => revokedFrom === undefined)
    .sort((a, b) => b.notAfter - a.notAfter)[0];
  const secret = current && half(current);
  if (current === undefined || secret === undefined)
    throw new Error(`there is no valid operational key for ${purpose}; key rotation is overdue`);
  const key = memory.signing.get(current.id) ?? (await suite.signingKey(secret));
  memory.signing.set(current.id, key);

  const roots = new Map<number, Uint8Array>();
  for (const { epoch, wrapped } of table.epochs.values()) {
    const root = opened(wrapped, epochName(epoch));
    if (root !== undefined) roots.set(epoch, root);
  }
  return {
    trust,
    network,
    signing: { purpose, key, certificate: current.certificate, notAfter: current.notAfter },
    opening: (kid) => memory.opening.get(kid),
    // By the clock of each use: an epoch begins when every function has its root, whenever they last looked.
    get epoch() {
      const started = [...roots.keys()].filter(
        (epoch) => (table.epochs.get(epoch)?.startedAt ?? 0) <= runtime.now(),
      );
      return Math.max(0, ...started);
    },
    epochRoot: (epoch) => roots.get(epoch),
    epochRevokedFrom: (epoch) => table.epochs.get(epoch)?.revokedFrom,
  };
}

async function trustOf(table: KeyTable, suite: Suite): Promise<Trust> {
  if (table.rootKey === undefined) throw new Error("the table holds no keys yet; run key rotation first");
  const rootKey = await defaultSuite.verifyingKey(table.rootKey);
  if (isRefusal(rootKey))
    throw new Error(`the root key in the table cannot be read: ${thumbprint(table.rootKey)}`);
  return { suite, rootKey };
}

function unwrapDataKey(
  { keyService }: CustodyPorts,
  network: Uid,
  purpose: SigningPurpose,
  wrapped: DataKey["wrapped"],
): Promise<Uint8Array> {
  return keyService.wrapper.unwrap(wrapped, wrappingContext(network, purpose));
}
