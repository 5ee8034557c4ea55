/** The function `rotate`, on a schedule and for the operator: the only one that may ask the root for a signature. */
import { type Purpose, thumbprint } from "@lepta/protocol";
import { readKeyTable, signingPurposes } from "../custody/key-items.ts";
import type { Rotation } from "../custody/keyring.ts";
import { revokeKeys } from "../custody/revoke.ts";
import { keyLifeLeft, rotateKeys } from "../custody/rotate.ts";
import type { KeyList, RevokedKeys, RotateAnswer, Rotated, RotateEvent } from "../operations.ts";
import { rotationOf } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { log } from "./log.ts";

/** Throws where an event names an operation or a purpose that there is none of. */
export type Rotate = <E>(event: E) => Promise<RotateAnswer<E>>;

export const createRotate: Factory<Rotate> = (wiring) => {
  const rotation = rotationOf(wiring);
  const answer = (event: unknown): Promise<Rotated | RevokedKeys | KeyList> => {
    const { operation, purpose } = fieldsOf(event);
    if (operation === undefined) return rotate(rotation);
    if (operation === "list") return list(rotation);
    if (operation === "revoke") return revoke(rotation, purpose);
    throw new Error(`The function rotate knows no operation ${spell(operation)}; it knows revoke and list.`);
  };
  return async <E>(event: E) => (await answer(event)) as RotateAnswer<E>;
};

async function rotate(rotation: Rotation): Promise<Rotated> {
  const { made } = await rotateKeys(rotation);
  log({ route: "rotate", outcome: "made", count: made.length });
  const table = await readKeyTable(rotation.store);
  return { made: made.length, keyLifeLeft: keyLifeLeft(table, rotation.runtime.now()) };
}

async function revoke(rotation: Rotation, asked: unknown): Promise<RevokedKeys> {
  const purpose = purposes.find((each) => each === asked);
  if (purpose === undefined)
    throw new Error(
      `There are no keys for the purpose ${spell(asked)}; the purposes are ${purposes.join(", ")}.`,
    );
  const { network, revoked, revokedFrom } = await revokeKeys(rotation, purpose);
  log({ route: "rotate", outcome: "revoked", count: revoked.length });
  return { network, purpose, revoked, ...(revokedFrom === undefined ? {} : { revokedFrom }) };
}

async function list({ store }: Rotation): Promise<KeyList> {
  const { rootKey, operational, epochs } = await readKeyTable(store);
  if (rootKey === undefined) throw new Error("the table holds no keys yet; run key rotation first");
  return {
    network: thumbprint(rootKey),
    keys: operational.map(({ purpose, id, notBefore, notAfter, revokedFrom }) => ({
      purpose,
      id,
      notBefore,
      notAfter,
      ...(revokedFrom === undefined ? {} : { revokedFrom }),
    })),
    epochs: [...epochs.values()].map(({ epoch, startedAt, revokedFrom }) => ({
      epoch,
      startedAt,
      ...(revokedFrom === undefined ? {} : { revokedFrom }),
    })),
  };
}

const purposes: readonly Purpose[] = [...signingPurposes, "seal"];

const fieldsOf = (event: unknown): { readonly operation?: unknown; readonly purpose?: unknown } =>
  typeof event === "object" && event !== null ? event : {};

/** What an operator typed, short enough to be read. */
const spell = (text: unknown): string => (JSON.stringify(text) ?? "undefined").slice(0, 64);

export const handler = entry<RotateEvent, Rotated | RevokedKeys | KeyList>(createRotate);
