/** Makes the keys that are missing or past half of their life, and completes what a revocation left. */
import { limits, type Purpose, type Uid } from "@lepta/protocol";
import type { Write } from "../ports/store.ts";
import { forgottenAfter } from "../resources.ts";
import {
  changeKeys,
  isInService,
  type KeyTable,
  keyItems,
  type OperationalItem,
  purposes,
  putEpoch,
  putOperational,
  readKeyTable,
} from "./key-items.ts";
import { dataKeyOf, type Keyring, openKeyring, type Rotation } from "./keyring.ts";
import { newEpoch, newOperational } from "./operational.ts";
import { completeRevocations, dropOldWrappings } from "./revoke.ts";

/**
 * Brings the keys up to date and tells which operational keys were made. In a copy that is not in service it makes none:
 * the journal may yet bring other data keys, which would not open them.
 */
export async function rotateKeys(
  rotation: Rotation,
): Promise<{ readonly network: Uid; readonly made: readonly Purpose[] }> {
  const keyring = await openKeyring(rotation);
  if (!isInService(await readKeyTable(keyring.store), rotation.table))
    return { network: keyring.network, made: [] };
  await completeRevocations(keyring);
  await dropOldWrappings(keyring);
  await ensureEpoch(keyring);
  const made: Purpose[] = [];
  for (const purpose of purposes) if (await ensureFresh(keyring, purpose)) made.push(purpose);
  await archive(keyring);
  return { network: keyring.network, made };
}

/** Milliseconds until the first of the keys that are in use ends; 0 where a purpose has none. */
export function keyLifeLeft({ operational }: KeyTable, now: number): number {
  const lives = purposes.map((purpose) =>
    Math.max(
      0,
      ...operational
        .filter((key) => key.purpose === purpose && isUsable(key))
        .map((key) => key.notAfter - now),
    ),
  );
  return Math.min(...lives);
}

const isUsable = ({ revokedFrom }: OperationalItem): boolean => revokedFrom === undefined;

async function ensureEpoch(keyring: Keyring): Promise<void> {
  await changeKeys(keyring.store, keyring.runtime, async (table) =>
    table.epochs.size > 0
      ? []
      : [putEpoch(await newEpoch(keyring, 1, keyring.runtime.now(), (purpose) => dataKeyOf(table, purpose)))],
  );
}

/** Whether a key was made: where another run was first, theirs is the one. */
async function ensureFresh(keyring: Keyring, purpose: Purpose): Promise<boolean> {
  const { store, runtime } = keyring;
  let isMade = false;
  await changeKeys(store, runtime, async ({ operational, dataKeys }, steps) => {
    isMade = steps > 0;
    const isFresh = operational.some(
      (key) =>
        key.purpose === purpose &&
        isUsable(key) &&
        key.notAfter - runtime.now() > limits.operationalKeyLife / 2,
    );
    if (isFresh) return [];
    return [putOperational(await newOperational(keyring, purpose, (each) => dataKeyOf({ dataKeys }, each)))];
  });
  return isMade;
}

const DAY = 24 * 60 * 60 * 1000;
const KEEP_SIGNING = 7 * DAY;
const KEEP_SEALING = 90 * DAY;
/** Keys of one commit, two writes each. */
const ARCHIVED_AT_ONCE = 40;

/**
 * Private halves that nothing needs any more are removed: signing keys a week after their end, sealing keys when no
 * message that was sealed to them may still come. Certificates and revocations stay for as long as disputes may come.
 */
async function archive({ store, runtime, disputeWindow }: Keyring): Promise<void> {
  const now = runtime.now();
  await changeKeys(store, runtime, async ({ operational }) =>
    operational
      .filter(({ purpose, notAfter }) => now >= notAfter + (purpose === "seal" ? KEEP_SEALING : KEEP_SIGNING))
      .slice(0, ARCHIVED_AT_ONCE)
      .flatMap((key): readonly Write[] => [
        { put: archived(key, disputeWindow), at: keyItems.certificate(key.id), expect: "any" },
        { remove: true, at: keyItems.operational(key.purpose, key.id), expect: "any" },
      ]),
  );
}

function archived(
  { certificate, notAfter, revokedFrom, revocation }: OperationalItem,
  disputeWindow: number,
) {
  const ttl = forgottenAfter(notAfter + disputeWindow);
  const revoked = revokedFrom === undefined || revocation === undefined ? {} : { revokedFrom, revocation };
  return { certificate, notAfter, ...revoked, ttl };
}
