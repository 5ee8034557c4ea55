/** Private keys in a store's vault, as objects whose bytes nobody can read. A page loads it where its store has a vault. */
import type { KeyHandle, KeyHandles, OpeningKey, SigningKey } from "@lepta/protocol/core";
import type { KeyVault } from "./ports.ts";

export interface VaultKeys {
  readonly signing: SigningKey;
  readonly opening: OpeningKey;
}

/** The names of both keys. */
const SIGNING = "signing";
const SEALING = "sealing";

/**
 * Puts new keys there, and their private bytes away. A vault that has keys and no record beside them was left by a process that
 * died here: nobody has heard of them.
 */
export async function keepInVault(
  vault: KeyVault,
  handles: KeyHandles,
  { signing, sealing }: { readonly signing: Uint8Array; readonly sealing: Uint8Array },
): Promise<VaultKeys> {
  const forSigning = await handles.importSigning(signing);
  const forOpening = await handles.importOpening(sealing);
  for (const bytes of [signing, sealing]) bytes.fill(0);
  await vault.put({ [SIGNING]: forSigning, [SEALING]: forOpening });
  return keysOf(handles, forSigning, forOpening);
}

/** Its keys, where it has both and each is one for its use. Whose they are, whoever asks has to see. */
export async function keysInVault(vault: KeyVault, handles: KeyHandles): Promise<VaultKeys | undefined> {
  const [forSigning, forOpening] = [await vault.get(SIGNING), await vault.get(SEALING)];
  if (forSigning === undefined || forOpening === undefined) return undefined;
  try {
    return keysOf(handles, forSigning, forOpening);
  } catch {
    // The one in the place of the other, or of another kind.
    return undefined;
  }
}

const keysOf = (handles: KeyHandles, forSigning: KeyHandle, forOpening: KeyHandle): VaultKeys => ({
  signing: handles.signingKey(forSigning),
  opening: handles.openingKey(forOpening),
});
