/**
 * A key that is believed stolen. What the functions of its purpose held counts as stolen with it: their data key, their
 * operational keys, the sealing keys, and, for `decide`, the roots of all epochs. First everything that must stay
 * readable is wrapped under a new data key as well, which nothing uses yet; then one commit puts the new data key, the new
 * keys and the revocations in place; then what was wrapped under the old one goes. Dying in between leaves a table that
 * works as before or as after, and the next revocation or rotation completes it.
 */
import type { Purpose, Uid } from "@lepta/protocol";
import type { SigningPurpose } from "../ports/custody.ts";
import type { Write } from "../ports/store.ts";
import {
  changeKeys,
  checkService,
  type DataKey,
  type EpochItem,
  holder,
  type KeyTable,
  keyItems,
  type OperationalItem,
  putEpoch,
  putOperational,
  REVOKED_AFTER,
  readHolder,
  readKeyTable,
  type Wrappings,
  wrappingContext,
} from "./key-items.ts";
import { dataKeyOf, type Keyring, openKeyring, type Rotation } from "./keyring.ts";
import {
  type DataKeys,
  epochName,
  latestEpoch,
  newEpoch,
  newOperational,
  operationalName,
  revokedEpochs,
  signRevocation,
} from "./operational.ts";
import { unwrap, wrap } from "./wrapping.ts";

/** Items of one commit: a store takes 100 writes. */
const ITEMS_AT_ONCE = 90;

export interface Revoked {
  readonly network: Uid;
  /** The ids of the operational keys that were valid and are revoked. */
  readonly revoked: readonly Uid[];
  /** In milliseconds; undefined where another run has completed the revocation. */
  readonly revokedFrom: number | undefined;
}

/**
 * Revokes all that the functions of a purpose held; `seal` revokes the sealing keys alone. It can be repeated. Throws
 * `StoreBusy` in a copy that is not in service: the journal would bring back what is revoked there.
 */
export async function revokeKeys(rotation: Rotation, purpose: Purpose): Promise<Revoked> {
  const keyring = await openKeyring(rotation);
  checkService(await readKeyTable(keyring.store), rotation.table);
  const { network } = keyring;
  if (purpose === "seal") return { network, ...(await revokeSealing(keyring)) };
  await begin(keyring, purpose);
  const revoked = await completeRevocation(keyring, purpose);
  return { network, ...revoked };
}

type Outcome = Omit<Revoked, "network">;

/** Brings a revocation that was begun to its end. */
export async function completeRevocation(keyring: Keyring, purpose: SigningPurpose): Promise<Outcome> {
  const { store, runtime } = keyring;
  let outcome: Outcome = { revoked: [], revokedFrom: undefined };
  await changeKeys(store, runtime, async (table) => {
    const next = table.nextKeys.get(purpose);
    if (next === undefined) return [];
    // All that must stay readable first, some at a time; the next turn finds the rest.
    const left = await rewrapped(keyring, table, purpose, next);
    if (left.length > 0) return left.slice(0, ITEMS_AT_ONCE);
    const dataKeys: DataKeys = (each) => (each === purpose ? next : dataKeyOf(table, each));
    const { writes, ...done } = await replacement(keyring, table, [purpose, "seal"], dataKeys);
    outcome = done;
    return [
      ...writes,
      ...(purpose === "decide" ? await epochReplacement(keyring, table, dataKeys, done.revokedFrom) : []),
      { put: { ...next }, at: keyItems.dataKey(purpose), expect: "any" },
      { remove: true, at: keyItems.nextKey(purpose), expect: "any" },
    ];
  });
  await dropOldWrappings(keyring);
  return outcome;
}

/** Takes away what was wrapped under data keys that are gone. */
export async function dropOldWrappings(keyring: Keyring): Promise<void> {
  await changeKeys(keyring.store, keyring.runtime, async (table) => {
    const isOld = (name: string): boolean => {
      const { purpose, generation } = readHolder(name);
      return generation < dataKeyOf(table, purpose).generation;
    };
    const without = <T extends { readonly wrapped: Wrappings }>(items: Iterable<T>): readonly T[] =>
      [...items]
        .filter(({ wrapped }) => [...wrapped.keys()].some(isOld))
        .map((item) => ({ ...item, wrapped: new Map([...item.wrapped].filter(([name]) => !isOld(name))) }));
    const writes = [
      ...without(table.operational).map(putOperational),
      ...without(table.epochs.values()).map(putEpoch),
    ];
    return writes.slice(0, ITEMS_AT_ONCE);
  });
}

/** A new data key beside the one in use: from here on the revocation is completed by whoever comes next. */
async function begin(
  { store, runtime, keyService, network }: Keyring,
  purpose: SigningPurpose,
): Promise<void> {
  await changeKeys(store, runtime, async (table) => {
    if (table.nextKeys.has(purpose)) return [];
    const { wrapped } = await keyService.wrapper.generate(wrappingContext(network, purpose));
    const generation = dataKeyOf(table, purpose).generation + 1;
    return [{ put: { wrapped, generation }, at: keyItems.nextKey(purpose), expect: "absent" }];
  });
}

async function revokeSealing(keyring: Keyring): Promise<Outcome> {
  let outcome: Outcome | undefined;
  await changeKeys(keyring.store, keyring.runtime, async (table, steps) => {
    if (steps > 0) return [];
    const { writes, ...done } = await replacement(keyring, table, ["seal"], (purpose) =>
      dataKeyOf(table, purpose),
    );
    outcome = done;
    return writes;
  });
  return outcome ?? { revoked: [], revokedFrom: undefined };
}

/** New operational keys of these purposes, and the revocations of those that are valid now. */
async function replacement(
  keyring: Keyring,
  { operational }: KeyTable,
  purposes: readonly Purpose[],
  dataKeys: DataKeys,
): Promise<{
  readonly writes: readonly Write[];
  readonly revoked: readonly Uid[];
  readonly revokedFrom: number;
}> {
  const now = keyring.runtime.now();
  const revokedFrom = now + REVOKED_AFTER;
  const fresh: OperationalItem[] = [];
  for (const purpose of purposes) fresh.push(await newOperational(keyring, purpose, dataKeys));
  const stolen = operational.filter(
    ({ purpose, notAfter, revokedFrom: before }) =>
      purposes.includes(purpose) && now < notAfter && before === undefined,
  );
  const revoked: OperationalItem[] = [];
  for (const key of stolen)
    revoked.push({ ...key, revokedFrom, revocation: await signRevocation(keyring, key.id, revokedFrom) });
  return {
    writes: [...fresh, ...revoked].map(putOperational),
    revoked: revoked.map(({ id }) => id),
    revokedFrom,
  };
}

/** A new epoch, which begins when those before it end: scrip of these is only renewed and redeemed then. */
async function epochReplacement(
  keyring: Keyring,
  table: KeyTable,
  dataKeys: DataKeys,
  revokedFrom: number,
): Promise<readonly Write[]> {
  const next = await newEpoch(keyring, latestEpoch(table) + 1, revokedFrom, dataKeys);
  return [next, ...revokedEpochs(table, revokedFrom)].map(putEpoch);
}

/** What is wrapped for this purpose and must stay readable, under the next data key as well: nothing where all of it is. */
async function rewrapped(
  keyring: Keyring,
  table: KeyTable,
  purpose: SigningPurpose,
  next: DataKey,
): Promise<readonly Write[]> {
  const current = dataKeyOf(table, purpose);
  const from = holder(purpose, current.generation);
  const to = holder(purpose, next.generation);
  const isDue = ({ wrapped }: { readonly wrapped: Wrappings }): boolean =>
    wrapped.has(from) && !wrapped.has(to);
  const epochs = [...table.epochs.values()].filter(isDue);
  // Old signing keys sign nothing any more.
  const sealing = table.operational.filter((key) => key.purpose === "seal").filter(isDue);
  if (epochs.length + sealing.length === 0) return [];
  const [old, fresh] = [await keyring.plain(purpose, current), await keyring.plain(purpose, next)];
  const again = (wrapped: Wrappings, name: string): Wrappings => {
    const secret = unwrap(old, name, wrapped.get(from) ?? new Uint8Array(0));
    return new Map([...wrapped, [to, wrap(fresh, name, secret, keyring.runtime.random)]]);
  };
  return [
    ...epochs.map((each: EpochItem) =>
      putEpoch({ ...each, wrapped: again(each.wrapped, epochName(each.epoch)) }),
    ),
    ...sealing.map((each) =>
      putOperational({ ...each, wrapped: again(each.wrapped, operationalName(each.purpose, each.id)) }),
    ),
  ];
}

/** Brings every revocation that was begun to its end. */
export async function completeRevocations(keyring: Keyring): Promise<void> {
  const { nextKeys } = await readKeyTable(keyring.store);
  for (const purpose of nextKeys.keys()) await completeRevocation(keyring, purpose);
}
