/**
 * The keys in the table. KMS wraps one data key for each signing purpose, under an encryption context that names it;
 * everything that a function of this purpose needs is wrapped under that data key. So a cold start unwraps once.
 */
import type { Purpose, Uid } from "@lepta/protocol";
import type { SigningPurpose } from "../ports/custody.ts";
import type { WrappingContext } from "../ports/kms.ts";
import { type Item, type Key, type Store, StoreBusy } from "../ports/store.ts";

export const signingPurposes: readonly SigningPurpose[] = ["enrol", "decide", "acknowledge"];

const PARTITION = "KEYS";

export const keyItems = {
  root: { pk: PARTITION, sk: "ROOT" } satisfies Key,
  /** Which table this is, by name: a copy of it has another. */
  service: { pk: PARTITION, sk: "SERVICE" } satisfies Key,
  dataKey: (purpose: SigningPurpose): Key => ({ pk: PARTITION, sk: `DATAKEY#${purpose}` }),
  epoch: (epoch: number): Key => ({ pk: PARTITION, sk: `EPOCH#${epoch.toString().padStart(10, "0")}` }),
  /** Of a key that is gone. */
  certificate: (id: Uid): Key => ({ pk: "CERTIFICATES", sk: id }),
  operational: (purpose: Purpose, id: Uid): Key => ({ pk: PARTITION, sk: `KEY#${purpose}#${id}` }),
} as const;

/** The encryption context of a purpose's data key. */
export const wrappingContext = (network: Uid, purpose: SigningPurpose): WrappingContext => ({
  "lepta:network": network,
  "lepta:purpose": purpose,
});

export interface OperationalItem {
  readonly purpose: Purpose;
  readonly id: Uid;
  readonly publicKey: Uint8Array;
  readonly certificate: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  /** The private half for those who may use it. */
  readonly wrapped: ReadonlyMap<SigningPurpose, Uint8Array>;
}

/** All key items of the table. */
export interface KeyTable {
  /** The name under which the table is in service; empty while it is being restored from a backup. */
  readonly service: string | undefined;
  /** The encoded COSE_Key of the root. */
  readonly rootKey: Uint8Array | undefined;
  readonly dataKeys: ReadonlyMap<SigningPurpose, Uint8Array>;
  /** Epoch roots, wrapped for `decide`. */
  readonly epochs: ReadonlyMap<number, Uint8Array>;
  readonly operational: readonly OperationalItem[];
}

/** Reads the partition of the keys. */
export async function readKeyTable(store: Store): Promise<KeyTable> {
  const dataKeys = new Map<SigningPurpose, Uint8Array>();
  const epochs = new Map<number, Uint8Array>();
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
      else if (kind === "DATAKEY") dataKeys.set(name as SigningPurpose, bytesOf(item, "wrapped"));
      else if (kind === "EPOCH") epochs.set(Number(name), bytesOf(item, "wrapped"));
      else if (kind === "KEY") operational.push(fromItem(item));
    }
    after = page.next;
  } while (after !== undefined);
  return { service, rootKey, dataKeys, epochs, operational };
}

/**
 * Throws `StoreBusy` where the table is a copy that has not been brought up to date (docs/adr/0012-the-journal.md): spent
 * scrip would be live in it. `table` is the name under which it was opened, where that is known.
 */
export function checkService({ service }: KeyTable, table: string | undefined): void {
  if (service === undefined) return;
  if (service === "" || (table !== undefined && service !== table)) throw new StoreBusy();
}

/** The item of an operational key. */
export function toItem({ wrapped, ...key }: OperationalItem): Item {
  const halves = [...wrapped].map(([purpose, bytes]) => [`private-${purpose}`, bytes] as const);
  return { ...key, ...Object.fromEntries(halves) };
}

function fromItem(item: Item): OperationalItem {
  const halves = signingPurposes.flatMap((purpose) => {
    const bytes = item[`private-${purpose}`];
    return bytes instanceof Uint8Array ? [[purpose, bytes] as const] : [];
  });
  return {
    purpose: String(item.purpose) as Purpose,
    id: String(item.id),
    publicKey: bytesOf(item, "publicKey"),
    certificate: bytesOf(item, "certificate"),
    notBefore: Number(item.notBefore),
    notAfter: Number(item.notAfter),
    wrapped: new Map(halves),
  };
}

function bytesOf(item: Item, name: string): Uint8Array {
  const value = item[name];
  if (value instanceof Uint8Array) return value;
  throw new Error(`a key item of the table lacks ${name}`);
}
