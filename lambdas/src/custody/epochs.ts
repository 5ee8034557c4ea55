/** Epochs of BrokerScrip: new scrip is made under the latest one, and an earlier one may be revoked. */
import { changeKeys, putEpoch, REVOKED_AFTER } from "./key-items.ts";
import { dataKeyOf, openKeyring, type Rotation } from "./keyring.ts";
import { latestEpoch, newEpoch, revokedEpochs } from "./operational.ts";

/**
 * Begins a new epoch and tells its number. With `revokesEarlier`, scrip of the epochs before it can only be renewed and
 * redeemed from a minute later on: its owners get it again under the new one.
 */
export async function startEpoch(
  rotation: Rotation,
  { revokesEarlier = false }: { readonly revokesEarlier?: boolean } = {},
): Promise<number> {
  const keyring = await openKeyring(rotation);
  let started = 0;
  await changeKeys(keyring.store, keyring.runtime, async (table, steps) => {
    if (steps > 0) return [];
    started = latestEpoch(table) + 1;
    const next = await newEpoch(keyring, started, (purpose) => dataKeyOf(table, purpose));
    const revokedFrom = keyring.runtime.now() + REVOKED_AFTER;
    const earlier = revokesEarlier ? revokedEpochs(table, revokedFrom) : [];
    return [putEpoch(next), ...earlier.map(putEpoch)];
  });
  return started;
}
