/** The function `rotate`, on a schedule and for the operator: the only one that may ask the root for a signature. */
import { thumbprint } from "@lepta/protocol";
import { startEpoch } from "../custody/epochs.ts";
import { isInService, purposes, readKeyTable } from "../custody/key-items.ts";
import type { Rotation } from "../custody/keyring.ts";
import { revokeKeys } from "../custody/revoke.ts";
import { keyLifeLeft, rotateKeys } from "../custody/rotate.ts";
import { describe } from "../log.ts";
import type {
  KeyList,
  RevokedKeys,
  RotateAnswer,
  Rotated,
  RotateEvent,
  StartedEpoch,
} from "../operations.ts";
import { rotationOf, type Wiring } from "../wiring.ts";
import { answerDeployment, isDeployment } from "./deployment-event.ts";
import { entry, type Factory } from "./function.ts";
import { scheduledHandler } from "./scheduled.ts";

/** Throws where an event names an operation or a purpose that there is none of. */
export type Rotate = <E>(event: E) => Promise<RotateAnswer<E>>;

export const createRotate: Factory<Rotate> = (wiring) => {
  const handle = scheduledHandler(wiring.observer, "rotate", (event) => answer(wiring, event));
  return async <E>(event: E) => (await handle(event)) as RotateAnswer<E>;
};

async function answer(
  wiring: Wiring,
  event: unknown,
): Promise<Rotated | RevokedKeys | KeyList | StartedEpoch | undefined> {
  const rotation = rotationOf(wiring);
  if (isDeployment(event)) {
    await answerDeployment(event, () => firstKeys(wiring));
    return undefined;
  }
  const { operation, purpose } = fieldsOf(event);
  if (operation === undefined) return (await rotate(wiring)).answer;
  if (operation === "list") return list(rotation);
  if (operation === "revoke") return revoke(wiring, purpose);
  if (operation === "start-epoch") return begin(wiring);
  throw new Error(
    `The function rotate knows no operation ${spell(operation)}; it knows revoke, list and start-epoch.`,
  );
}

async function rotate(wiring: Wiring): Promise<{ readonly network: string; readonly answer: Rotated }> {
  const { observer, store, runtime } = wiring;
  const { made, network } = await rotateKeys(rotationOf(wiring));
  const left = keyLifeLeft(await readKeyTable(store), runtime.now());
  observer.measure("keyLifeLeft", left);
  observer.log({ route: "rotate", outcome: "made", count: made.length });
  return { network, answer: { made: made.length, keyLifeLeft: left } };
}

/** What a deployment waits for: keys to answer with, and the root's thumbprint as an output. */
async function firstKeys(wiring: Wiring): Promise<Readonly<Record<string, string>>> {
  const { observer, runtime } = wiring;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { Network: (await rotate(wiring)).network };
    } catch (error) {
      observer.log({ route: "rotate", outcome: "failed", fault: describe(error) });
      if (attempt === FIRST_ATTEMPTS) {
        observer.count("faults", 1);
        throw error;
      }
      await runtime.sleep(FIRST_PAUSE);
    }
  }
}

/** A role or a key's policy that was made a moment ago may not be known everywhere yet; a failure takes the stack back. */
const FIRST_ATTEMPTS = 5;
const FIRST_PAUSE = 8_000;

async function revoke(wiring: Wiring, asked: unknown): Promise<RevokedKeys> {
  const purpose = purposes.find((each) => each === asked);
  if (purpose === undefined)
    throw new Error(
      `There are no keys for the purpose ${spell(asked)}; the purposes are ${purposes.join(", ")}.`,
    );
  const { network, revoked, revokedFrom } = await revokeKeys(rotationOf(wiring), purpose);
  wiring.observer.log({ route: "rotate", outcome: "revoked", count: revoked.length });
  return { network, purpose, revoked, ...(revokedFrom === undefined ? {} : { revokedFrom }) };
}

/** At once only where nobody serves the table yet: a warm function would meet scrip whose root it lacks. */
async function begin(wiring: Wiring): Promise<StartedEpoch> {
  const rotation = rotationOf(wiring);
  const atOnce = !isInService(await readKeyTable(wiring.store), rotation.table);
  return { epoch: await startEpoch(rotation, { atOnce }) };
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

const fieldsOf = (event: unknown): { readonly operation?: unknown; readonly purpose?: unknown } =>
  typeof event === "object" && event !== null ? event : {};

/** What an operator typed, short enough to be read. */
const spell = (text: unknown): string => (JSON.stringify(text) ?? "undefined").slice(0, 64);

export const handler = entry<RotateEvent, Rotated | RevokedKeys | KeyList | StartedEpoch>(createRotate);
