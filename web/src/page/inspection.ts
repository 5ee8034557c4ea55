/** What is in a message: `@lepta/protocol/inspect`, loaded when it is first needed. */
import type { InspectContext, Inspection } from "@lepta/protocol/inspect";

export type Inspect = (bytes: Uint8Array) => Promise<Inspection>;

/** Inspects messages of the network of this broker, with the keys that the broker shows. */
export function inspector(broker: string): Inspect {
  const { origin, hash } = new URL(broker);
  const network = hash.slice(1);
  let keys: Uint8Array | undefined;
  return async (bytes) => {
    const { inspect } = await import("@lepta/protocol/inspect");
    keys ??= await keysAt(origin);
    const context: InspectContext = { network, now: Date.now() };
    return inspect(bytes, keys === undefined ? context : { ...context, brokerKeys: keys });
  };
}

/** Undefined while the broker is away: what takes its keys to check is then told to be unknown. */
async function keysAt(origin: string): Promise<Uint8Array | undefined> {
  try {
    const answer = await fetch(`${origin}/keys`);
    return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : undefined;
  } catch {
    return undefined;
  }
}
