/** `keys`: the operational keys, listed, rotated and revoked by the function `rotate`. */
import type { Deployment } from "@lepta/lambdas/deployment";
import type { ListedKey, RevocablePurpose } from "@lepta/lambdas/operations";
import { columns, moment, type Report } from "../report.ts";
import type { Cloud } from "./cloud.ts";
import { AdminFault } from "./fault.ts";
import { invoke } from "./invoke.ts";

/** `keys list`. */
export async function listKeys(cloud: Cloud, deployment: Deployment): Promise<Report> {
  const answer = await invoke(cloud, deployment, "rotate", { operation: "list" });
  const { keys, epochs, network } = answer;
  if (!Array.isArray(keys) || !Array.isArray(epochs))
    throw new AdminFault("The function rotate of this deployment lists no keys: deploy this release again.");
  const rows = (keys as readonly ListedKey[]).map(({ purpose, id, notBefore, notAfter, revokedFrom }) => [
    purpose,
    id,
    moment(notBefore),
    moment(notAfter),
    revokedFrom === undefined ? "" : moment(revokedFrom),
  ]);
  return {
    good: true,
    lines: [
      `root key  ${String(network)}`,
      `epochs    ${epochs.map(epochName).join("; ")}`,
      "",
      ...columns([["purpose", "id", "from (UTC)", "to, exclusive", "revoked from"], ...rows]),
    ],
    json: answer,
  };
}

/** `keys rotate`: makes only what is due. */
export async function rotateKeys(cloud: Cloud, deployment: Deployment): Promise<Report> {
  const answer = await invoke(cloud, deployment, "rotate", {});
  const { made } = answer;
  const says =
    made === 0
      ? "All keys are in the first half of their life; none was made."
      : `${String(made)} keys were made.`;
  return { good: true, lines: [says, ...lifeLeft(answer)], json: answer };
}

/** What a revocation does, for whoever is asked whether it is meant. */
export const consequence = (purpose: RevocablePurpose): string => {
  const what =
    purpose === "seal"
      ? "Peers fetch the new one; what was sealed to the old one before is still read."
      : "From a minute on what it signs is worth nothing to anybody, and peers fetch the new one.";
  const epoch =
    purpose === "decide"
      ? " A new epoch begins as well: scrip of the earlier ones can no longer be spent, and wallets renew theirs by themselves."
      : "";
  const seal = purpose === "seal" ? "" : " The sealing key, which every function holds, is replaced with it.";
  return `The key for ${purpose} ends, and another takes its place. ${what}${seal}${epoch} This cannot be undone.`;
};

/** `keys revoke`. */
export async function revokeKey(
  cloud: Cloud,
  deployment: Deployment,
  purpose: RevocablePurpose,
): Promise<Report> {
  const answer = await invoke(cloud, deployment, "rotate", { operation: "revoke", purpose });
  const { revoked, revokedFrom } = answer;
  if (!Array.isArray(revoked))
    throw new AdminFault(
      "The function rotate of this deployment revokes no keys: deploy this release again.",
    );
  const from = typeof revokedFrom === "number" ? ` from ${moment(revokedFrom)} on` : "";
  return {
    good: true,
    lines: [
      revoked.length === 0
        ? `No key for ${purpose} was left to revoke: another run has done it.`
        : `Revoked${from}: ${revoked.join(", ")}.`,
      "See it with keys list.",
    ],
    json: answer,
  };
}

const lifeLeft = ({ keyLifeLeft }: Readonly<Record<string, unknown>>): readonly string[] =>
  typeof keyLifeLeft === "number"
    ? [`The first of those in use ends in ${(keyLifeLeft / 3_600_000).toFixed(1)} h.`]
    : [];

/** A number, or an item that holds one. */
function epochName(epoch: unknown): string {
  if (typeof epoch !== "object" || epoch === null) return String(epoch);
  const { epoch: number, startedAt, revokedFrom } = epoch as Readonly<Record<string, unknown>>;
  const since = typeof startedAt === "number" ? ` since ${moment(startedAt)}` : "";
  const until = typeof revokedFrom === "number" ? `, revoked from ${moment(revokedFrom)}` : "";
  return number === undefined ? JSON.stringify(epoch) : `${String(number)}${since}${until}`;
}
