/** What changes the keys: the ports, the root and the plain data keys, each unwrapped when it is first needed. */
import { encodeP256, type Suite, thumbprint, type Uid } from "@lepta/protocol";
import type { SigningPurpose } from "../ports/custody.ts";
import type { KeyService } from "../ports/kms.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Store, Write } from "../ports/store.ts";
import {
  changeKeys,
  type DataKey,
  holder,
  type KeyTable,
  keyItems,
  signingPurposes,
  wrappingContext,
} from "./key-items.ts";

export interface Rotation {
  readonly store: Store;
  readonly keyService: KeyService;
  readonly suite: Suite;
  readonly runtime: Runtime;
  /** How long the certificates of keys that are gone are kept, in milliseconds. */
  readonly disputeWindow: number;
  /** The table's name, which a new table is given as the one it serves under. */
  readonly table?: string;
}

export interface Keyring extends Rotation {
  readonly network: Uid;
  /** The plain data key; unwrapped once. */
  plain(purpose: SigningPurpose, dataKey: DataKey): Promise<Uint8Array>;
}

/**
 * The keyring of a table, which gets its root and its data keys where it has none yet. Throws where the table belongs to
 * another root key.
 */
export async function openKeyring(rotation: Rotation): Promise<Keyring> {
  const { store, keyService, runtime } = rotation;
  const { x, y } = await keyService.root.publicKey();
  const rootKey = encodeP256(x, y);
  const network = thumbprint(rootKey);
  const plainKeys = new Map<string, Promise<Uint8Array>>();
  await changeKeys(store, runtime, async (table) => {
    if (table.rootKey !== undefined && thumbprint(table.rootKey) !== network)
      throw new Error("the table belongs to another root key; restore the key, or start with an empty table");
    const missing = signingPurposes.filter((purpose) => !table.dataKeys.has(purpose));
    const dataKeys = await Promise.all(
      missing.map(async (purpose) => {
        const { wrapped } = await keyService.wrapper.generate(wrappingContext(network, purpose));
        return { put: { wrapped, generation: 1 }, at: keyItems.dataKey(purpose), expect: "absent" } as const;
      }),
    );
    const root = { put: { publicKey: rootKey }, at: keyItems.root, expect: "absent" } as const;
    const service: readonly Write[] =
      table.service === undefined && rotation.table !== undefined
        ? [{ put: { table: rotation.table }, at: keyItems.service, expect: "absent" }]
        : [];
    return [...(table.rootKey === undefined ? [root] : []), ...service, ...dataKeys];
  });
  return {
    ...rotation,
    network,
    plain: (purpose, { wrapped, generation }) => {
      const name = holder(purpose, generation);
      const known = plainKeys.get(name);
      if (known !== undefined) return known;
      const unwrapping = keyService.wrapper.unwrap(wrapped, wrappingContext(network, purpose));
      plainKeys.set(name, unwrapping);
      return unwrapping;
    },
  };
}

/** The data key that a purpose's functions use. Throws where there is none. */
export function dataKeyOf({ dataKeys }: Pick<KeyTable, "dataKeys">, purpose: SigningPurpose): DataKey {
  const dataKey = dataKeys.get(purpose);
  if (dataKey === undefined) throw new Error(`there is no data key for ${purpose}; run key rotation first`);
  return dataKey;
}
