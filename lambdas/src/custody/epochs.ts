/** Epochs of BrokerScrip: new scrip is made under the latest one, and an earlier one may be revoked. */
import { changeKeys, putEpoch, REVOKED_AFTER } from "./key-items.ts";
import { dataKeyOf, openKeyring, type Rotation } from "./keyring.ts";
import { latestEpoch, newEpoch, revokedEpochs } from "./operational.ts";

/**
 * Makes a new epoch, which begins in a minute, and tells its number: by then every function has its root. With
 * `revokesEarlier`, scrip of the epochs before it can only be renewed and redeemed from then on. With `atOnce` it begins
 * now: in a table that no function serves yet.
 */
export async function startEpoch(
  rotation: Rotation,
  {
    revokesEarlier = false,
    atOnce = false,
  }: { readonly revokesEarlier?: boolean; readonly atOnce?: boolean } = {},
): Promise<number> {
  const keyring = await openKeyring(rotation);
  let started = 0;
  await changeKeys(keyring.store, keyring.runtime, async (table, steps) => {
    if (steps > 0) return [];
    started = latestEpoch(table) + 1;
    const startedAt = keyring.runtime.now() + (atOnce ? 0 : REVOKED_AFTER);
    const next = await newEpoch(keyring, started, startedAt, (purpose) => dataKeyOf(table, purpose));
    const earlier = revokesEarlier ? revokedEpochs(table, startedAt) : [];
    return [putEpoch(next), ...earlier.map(putEpoch)];
  });
  return started;
}
