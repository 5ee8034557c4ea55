/** Whether each operational key began before the one before it ended: a gap is a time in which the broker could not answer. */
import type { Deployment } from "@lepta/lambdas/deployment";
import { type ListedKey, revocablePurposes } from "@lepta/lambdas/operations";
import { limits } from "@lepta/protocol";
import { moment } from "../report.ts";
import { type Check, judge, notChecked } from "./check.ts";
import type { Cloud } from "./cloud.ts";
import { invoke } from "./invoke.ts";

const NAME = "keys overlap";
/** Older gaps are history, in milliseconds. */
const RECENT = 24 * 60 * 60 * 1000;

/** Asks the function `rotate` for its list, which makes no key. */
export async function checkOverlap(
  cloud: Cloud,
  deployment: Deployment,
  now: number,
): Promise<readonly Check[]> {
  const { keys } = await invoke(cloud, deployment, "rotate", { operation: "list" });
  if (!Array.isArray(keys)) return [notChecked(NAME, "the function rotate of this deployment lists no keys")];
  const gaps = revocablePurposes.flatMap((purpose) =>
    gapsOf(
      (keys as readonly ListedKey[]).filter((key) => key.purpose === purpose),
      now,
    ).map((since) => `${purpose} from ${moment(since)} UTC`),
  );
  return [
    judge(
      NAME,
      gaps.length === 0,
      "each began before the last one ended",
      `there was none for ${gaps.join(", ")}`,
      "find out why the schedule of the function rotate did not run then",
    ),
  ];
}

/** The moments of the last day at which a key ended and the next had not begun. */
function gapsOf(keys: readonly ListedKey[], now: number): readonly number[] {
  const inOrder = [...keys].sort((a, b) => a.notBefore - b.notBefore);
  return inOrder.flatMap((key, i) => {
    const before = inOrder.slice(0, i).map(({ notAfter, revokedFrom }) => revokedFrom ?? notAfter);
    const end = Math.max(...before);
    // A revoked key and the one in its place are not of the same millisecond.
    const isGap = before.length > 0 && key.notBefore > end + limits.clockSkew;
    return isGap && key.notBefore > now - RECENT ? [end] : [];
  });
}
