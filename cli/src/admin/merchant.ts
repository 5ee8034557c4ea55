/** `merchant`: how a peer stands with the operator, and whether it may move money. */
import type { Deployment } from "@lepta/lambdas/deployment";
import type { OperateAnswer, OperateEvent } from "@lepta/lambdas/operations";
import { moment, type Report } from "../report.ts";
import type { Cloud } from "./cloud.ts";
import { AdminFault } from "./fault.ts";
import { invoke } from "./invoke.ts";

/** `merchant freeze`, `unfreeze` and `show`. */
export async function operateMerchant(
  cloud: Cloud,
  deployment: Deployment,
  event: OperateEvent,
): Promise<Report> {
  const answer = readAnswer(await invoke(cloud, deployment, "operate", event));
  if (answer.outcome === "unknown-peer")
    return { good: false, lines: [`No peer ${event.uid} is enrolled here.`], json: answer };
  const { enrolledAt, frozenAt, frozenFor } = answer.peer;
  const isNew = answer.outcome === "changed";
  const standing =
    frozenAt === undefined
      ? isNew
        ? "is not frozen any more"
        : "is not frozen"
      : `${isNew ? "is frozen now" : `has been frozen since ${moment(frozenAt)} UTC`}${frozenFor === undefined ? "" : `: ${frozenFor}`}`;
  const told = [`The peer ${event.uid}, enrolled ${moment(enrolledAt)} UTC, ${standing}.`];
  if (event.operation === "freeze" && isNew)
    told.push(
      "It sells nothing and is paid nothing from now on, and within 24 h peers accept its credential no more.",
      "What was on its way to it is brought to its end. Refunds, reversals and queries against it go on.",
    );
  return { good: true, lines: told, json: answer };
}

function readAnswer(answer: Readonly<Record<string, unknown>>): OperateAnswer {
  const { outcome, peer } = answer;
  const isStanding = (outcome === "changed" || outcome === "unchanged") && typeof peer === "object" && peer;
  if (outcome === "unknown-peer" || isStanding) return answer as unknown as OperateAnswer;
  throw new AdminFault("The function operate answered something else than how a peer stands.");
}
