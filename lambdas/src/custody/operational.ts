/** Makes operational keys, epoch roots and revocations, as items: the only code that asks the root for a signature. */
import {
  algorithm,
  type Draft,
  encodePayload,
  keyCertificate,
  keyRevocation,
  limits,
  type MessageType,
  type Purpose,
  sign1,
  thumbprint,
  toText,
  type Uid,
} from "@lepta/protocol";
import type { SigningPurpose } from "../ports/custody.ts";
import {
  type DataKey,
  type EpochItem,
  holder,
  type KeyTable,
  type OperationalItem,
  signingPurposes,
  type Wrappings,
} from "./key-items.ts";
import type { Keyring } from "./keyring.ts";
import { wrap } from "./wrapping.ts";

/** The data keys under which something new is wrapped. */
export type DataKeys = (purpose: SigningPurpose) => DataKey;

/** A new operational key of this purpose, certified from now on. */
export async function newOperational(
  keyring: Keyring,
  purpose: Purpose,
  dataKeys: DataKeys,
): Promise<OperationalItem> {
  const { suite, runtime } = keyring;
  const isSeal = purpose === "seal";
  const privateBytes = await (isSeal
    ? suite.createSealingKey(runtime.random)
    : suite.createSigningKey(runtime.random));
  const { publicKey } = await (isSeal ? suite.openingKey(privateBytes) : suite.signingKey(privateBytes));
  const id = thumbprint(publicKey);
  const notBefore = runtime.now();
  const notAfter = notBefore + limits.operationalKeyLife;
  const certificate = await signByRoot(keyring, keyCertificate, { purpose, publicKey, notBefore, notAfter });
  // Every function opens what is sealed to the broker; each signs for its own purpose only.
  const holders = isSeal ? signingPurposes : [purpose];
  const wrapped = await wrapFor(keyring, holders, dataKeys, operationalName(purpose, id), privateBytes);
  return { purpose, id, publicKey, certificate, notBefore, notAfter, wrapped };
}

/** A new epoch, from this moment on, in milliseconds. */
export async function newEpoch(
  keyring: Keyring,
  epoch: number,
  startedAt: number,
  dataKeys: DataKeys,
): Promise<EpochItem> {
  const { runtime } = keyring;
  const wrapped = await wrapFor(keyring, ["decide"], dataKeys, epochName(epoch), runtime.random(32));
  return { epoch, startedAt, wrapped };
}

/** The latest epoch's number; 0 where there is none. */
export const latestEpoch = ({ epochs }: KeyTable): number => Math.max(0, ...epochs.keys());

/** The epochs that are not revoked yet, revoked. */
export const revokedEpochs = ({ epochs }: KeyTable, revokedFrom: number): readonly EpochItem[] =>
  [...epochs.values()]
    .filter((epoch) => epoch.revokedFrom === undefined)
    .map((epoch) => ({ ...epoch, revokedFrom }));

/** The signed revocation of an operational key. */
export const signRevocation = (keyring: Keyring, key: Uid, revokedFrom: number): Promise<Uint8Array> =>
  signByRoot(keyring, keyRevocation, { key, revokedFrom });

/** What a wrapped secret is bound to. */
export const epochName = (epoch: number): string => `epoch ${epoch}`;
export const operationalName = (purpose: Purpose, id: Uid): string => `${purpose} ${id}`;

async function wrapFor(
  keyring: Keyring,
  holders: readonly SigningPurpose[],
  dataKeys: DataKeys,
  name: string,
  secret: Uint8Array,
): Promise<Wrappings> {
  const wrapped = new Map<string, Uint8Array>();
  for (const purpose of holders) {
    const dataKey = dataKeys(purpose);
    const plain = await keyring.plain(purpose, dataKey);
    wrapped.set(holder(purpose, dataKey.generation), wrap(plain, name, secret, keyring.runtime.random));
  }
  return wrapped;
}

type Own<M> = Omit<Draft<M>, "network" | "from" | "to" | "txn" | "issuedAt">;

async function signByRoot<M extends MessageType>(
  { keyService, network, runtime }: Keyring,
  type: M,
  own: Own<M>,
): Promise<Uint8Array> {
  const txn = toText(runtime.random(16));
  const common = { network, from: network, to: network, txn, issuedAt: runtime.now() };
  const payload = encodePayload(type, { ...own, ...common } as unknown as Draft<M>);
  const root = { alg: algorithm.es256, sign: (data: Uint8Array) => keyService.root.sign(data) };
  return sign1(root, network, type.mediaType, payload);
}
