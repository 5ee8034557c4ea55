/** What an adversarial merchant does with its answers. */
import type { Visit } from "@lepta/peer-sdk";
import type { MerchantSide } from "./peers.ts";
import type { Draws } from "./random.ts";

export function twistOf(_draws: Draws) {
  return (visit: Visit, _merchant: MerchantSide): Visit => visit;
}
