/** An operator's request, from the event to what was committed. Who may send one is AWS's to say: only it invokes the function. */
import { isRefusal } from "@lepta/protocol";
import { credentialItem, keys } from "../broker/items.ts";
import { decideOperation } from "../broker/operate.ts";
import { type OperateAnswer, type OperateEvent, REASON_LENGTH } from "../operations.ts";
import { type Broker, settle } from "./broker.ts";

/** Freezes or unfreezes a peer, or tells how it stands. Throws where the event is none of these. */
export async function operate(
  ports: Pick<Broker, "store" | "runtime" | "observer">,
  event: unknown,
): Promise<OperateAnswer> {
  const request = readEvent(event);
  const now = ports.runtime.now();
  const load = async () => {
    const [item] = await ports.store.get([keys.credential(request.uid)]);
    return credentialItem.read(item);
  };
  const outcome = await settle(ports, load, (credential) => decideOperation(request, credential, now));
  if (isRefusal(outcome)) throw new Error(`an operator's request was refused as input: ${outcome.code}`);
  return outcome;
}

function readEvent(event: unknown): OperateEvent {
  const { operation, uid, reason, ...more } = (
    typeof event === "object" && event !== null ? event : {}
  ) as Readonly<Record<string, unknown>>;
  if (Object.keys(more).length > 0) throw new Error("the event has members that no operation has");
  if (typeof uid !== "string" || !UID.test(uid)) throw new Error("the event's uid is no UID");
  if (operation === "freeze") {
    if (reason === undefined) return { operation, uid };
    if (typeof reason !== "string" || reason === "" || reason.length > REASON_LENGTH)
      throw new Error(`the event's reason is no text of 1 to ${REASON_LENGTH} characters`);
    return { operation, uid, reason };
  }
  if ((operation === "unfreeze" || operation === "standing") && reason === undefined)
    return { operation, uid };
  throw new Error("the event names no operation: freeze, unfreeze or standing");
}

/** 32 bytes in base64url. */
const UID = /^[A-Za-z0-9_-]{43}$/;
