/**
 * Makes the keys that are missing or past half of their life: the only code that asks the root for a signature. Running
 * it twice at once makes a key more, which does no harm.
 */
import {
  algorithm,
  encodeP256,
  encodePayload,
  keyCertificate,
  limits,
  type Purpose,
  type Random,
  type Suite,
  sign1,
  thumbprint,
  toText,
  type Uid,
} from "@lepta/protocol";
import type { SigningPurpose } from "../ports/custody.ts";
import type { KeyService } from "../ports/kms.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Store } from "../ports/store.ts";
import {
  type KeyTable,
  keyItems,
  readKeyTable,
  signingPurposes,
  toItem,
  wrappingContext,
} from "./key-items.ts";
import { wrap } from "./wrapping.ts";

export interface Rotation {
  readonly store: Store;
  readonly keyService: KeyService;
  readonly suite: Suite;
  readonly runtime: Runtime;
  /** The table's name, which a new table is given as the one it serves under. */
  readonly table?: string;
}

type DataKeys = ReadonlyMap<SigningPurpose, Uint8Array>;

/** Brings the keys up to date and tells which operational keys were made. */
export async function rotateKeys(
  rotation: Rotation,
): Promise<{ readonly network: Uid; readonly made: readonly Purpose[] }> {
  const { store, keyService, runtime } = rotation;
  const { x, y } = await keyService.root.publicKey();
  const rootKey = encodeP256(x, y);
  const network = thumbprint(rootKey);
  const table = await readKeyTable(store);
  if (table.rootKey !== undefined && thumbprint(table.rootKey) !== network)
    throw new Error("the table belongs to another root key; restore the key, or start with an empty table");
  if (table.rootKey === undefined) {
    const outcome = await store.commit([
      { put: { publicKey: rootKey }, at: keyItems.root, expect: "absent" },
    ]);
    // Somebody else was first: start again from what they wrote.
    if (outcome === "moved") return rotateKeys(rotation);
  }
  if (table.service === undefined && rotation.table !== undefined)
    await store.commit([{ put: { table: rotation.table }, at: keyItems.service, expect: "absent" }]);
  const dataKeys = await ensureDataKeys(rotation, network, table);
  await ensureEpoch(rotation, dataKeys, table);
  const now = runtime.now();
  const made: Purpose[] = [];
  for (const purpose of [...signingPurposes, "seal"] as const) {
    const isFresh = table.operational.some(
      (key) => key.purpose === purpose && key.notAfter - now > limits.operationalKeyLife / 2,
    );
    if (isFresh) continue;
    await makeOperational(rotation, network, dataKeys, purpose, now);
    made.push(purpose);
  }
  await archive(rotation, table, now);
  return { network, made };
}

/**
 * Private halves that nothing needs any more are removed: signing keys a week after their end, sealing keys when no
 * message that was sealed to them may still come. Certificates stay for disputes.
 */
async function archive({ store }: Rotation, table: KeyTable, now: number): Promise<void> {
  for (const { purpose, id, certificate, notAfter } of table.operational) {
    const kept = purpose === "seal" ? KEEP_SEALING : KEEP_SIGNING;
    if (now < notAfter + kept) continue;
    await store.commit([
      { put: { certificate, notAfter }, at: keyItems.certificate(id), expect: "any" },
      { remove: true, at: keyItems.operational(purpose, id), expect: "any" },
    ]);
  }
}

const DAY = 24 * 60 * 60 * 1000;
const KEEP_SIGNING = 7 * DAY;
const KEEP_SEALING = 90 * DAY;

async function ensureDataKeys(
  { store, keyService }: Rotation,
  network: Uid,
  table: KeyTable,
): Promise<DataKeys> {
  const plain = new Map<SigningPurpose, Uint8Array>();
  for (const purpose of signingPurposes) {
    const context = wrappingContext(network, purpose);
    let wrapped = table.dataKeys.get(purpose);
    if (wrapped === undefined) {
      const fresh = await keyService.wrapper.generate(context);
      const at = keyItems.dataKey(purpose);
      const outcome = await store.commit([{ put: { wrapped: fresh.wrapped }, at, expect: "absent" }]);
      // Somebody else was first: theirs is the one.
      const [theirs] = outcome === "moved" ? await store.get([at]) : [];
      wrapped = theirs?.wrapped instanceof Uint8Array ? theirs.wrapped : fresh.wrapped;
    }
    plain.set(purpose, await keyService.wrapper.unwrap(wrapped, context));
  }
  return plain;
}

async function ensureEpoch({ store, runtime }: Rotation, dataKeys: DataKeys, table: KeyTable): Promise<void> {
  if (table.epochs.size > 0) return;
  const epoch = 1;
  const wrapped = wrap(keyFor(dataKeys, "decide"), epochName(epoch), runtime.random(32), runtime.random);
  await store.commit([
    { put: { wrapped, startedAt: runtime.now() }, at: keyItems.epoch(epoch), expect: "absent" },
  ]);
}

async function makeOperational(
  { store, keyService, suite, runtime }: Rotation,
  network: Uid,
  dataKeys: DataKeys,
  purpose: Purpose,
  now: number,
): Promise<void> {
  const { privateBytes, publicKey } = await newKey(suite, purpose, runtime.random);
  const id = thumbprint(publicKey);
  const notAfter = now + limits.operationalKeyLife;
  const payload = encodePayload(keyCertificate, {
    network,
    from: network,
    to: network,
    txn: toText(runtime.random(16)),
    issuedAt: now,
    purpose,
    publicKey,
    notBefore: now,
    notAfter,
  });
  const root = { alg: algorithm.es256, sign: (data: Uint8Array) => keyService.root.sign(data) };
  const certificate = await sign1(root, network, keyCertificate.mediaType, payload);
  // Every function opens what is sealed to the broker; each signs for its own purpose only.
  const holders = purpose === "seal" ? signingPurposes : [purpose];
  const wrapped = new Map(
    holders.map((holder) => [
      holder,
      wrap(keyFor(dataKeys, holder), operationalName(purpose, id), privateBytes, runtime.random),
    ]),
  );
  const item = toItem({ purpose, id, publicKey, certificate, notBefore: now, notAfter, wrapped });
  await store.commit([{ put: item, at: keyItems.operational(purpose, id), expect: "absent" }]);
}

async function newKey(suite: Suite, purpose: Purpose, random: Random) {
  const privateBytes =
    purpose === "seal" ? await suite.createSealingKey(random) : await suite.createSigningKey(random);
  const key =
    purpose === "seal" ? await suite.openingKey(privateBytes) : await suite.signingKey(privateBytes);
  return { privateBytes, publicKey: key.publicKey };
}

function keyFor(dataKeys: DataKeys, purpose: SigningPurpose): Uint8Array {
  const key = dataKeys.get(purpose);
  if (key === undefined) throw new Error(`there is no data key for ${purpose}`);
  return key;
}

/** What a wrapped secret is bound to. */
export const epochName = (epoch: number): string => `epoch ${epoch}`;
export const operationalName = (purpose: Purpose, id: Uid): string => `${purpose} ${id}`;
