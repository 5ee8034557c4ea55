/** Whether a request proves what it spends: an oracle of its own, beside the one that is tested. */
import { createHmac } from "node:crypto";
import { type Cbor, decodeCbor, isRefusal, orThrow, readSign1 } from "@lepta/protocol";

/** The key of the spend `[body, pop]` in every request that has one. */
const SPEND = 10;

/** False where a signed request shows no spend under this secret, or one with another proof. */
export function proves(signed: Uint8Array, secret: Uint8Array): boolean {
  const map = decodeCbor(orThrow(readSign1(signed)).payload);
  const spend =
    !isRefusal(map) && map instanceof Map ? (map as ReadonlyMap<number, Cbor>).get(SPEND) : undefined;
  if (!Array.isArray(spend) || !(spend[0] instanceof Uint8Array)) return false;
  const expected = createHmac("sha256", secret).update(spend[0]).digest();
  return spend[1] instanceof Uint8Array && Buffer.compare(expected, spend[1]) === 0;
}
