/**
 * Findings of cdk-nag's AwsSolutions that stand, each with its reason and only where it stands. Any other fails the
 * synthesis. Wildcards are named here by construct; a test allows no more of them than these.
 */
import { type CfnElement, Stack, Validations } from "aws-cdk-lib";
import type { IConstruct } from "constructs";
import type { ScripBroker } from "./scrip-broker.ts";

/** Why a wildcard is there: AWS has nothing narrower. */
export const wildcardReasons = {
  tracing: "X-Ray takes segments on no resource of its own; the two actions only write traces.",
  streams: "ListStreams has no narrower resource; it tells names of streams and no contents.",
  objects: "Names of the journal's objects hold the time: they cannot be known before. The prefix is exact.",
} as const;

export function acknowledgeFindings({ roles, journal, reconciliation, api }: ScripBroker): void {
  for (const [name, role] of Object.entries(roles)) {
    const reason =
      name === "journal" ? `${wildcardReasons.tracing} ${wildcardReasons.streams}` : wildcardReasons.tracing;
    acknowledge(role, "AwsSolutions-IAM5[Resource::*]", reason);
  }
  acknowledge(
    roles.journal,
    `AwsSolutions-IAM5[Resource::<${idOf(journal)}.Arn>/journal/*]`,
    wildcardReasons.objects,
  );
  acknowledge(
    api,
    "AwsSolutions-APIG4",
    "Every request is signed by its sender and sealed to the broker, and the function checks both; GET /keys is public by design.",
  );
  acknowledge(
    journal,
    "AwsSolutions-S1",
    "One function writes it and nobody reads it until a restore: CloudTrail's data events tell who did, where they are wanted.",
  );
  acknowledge(
    reconciliation,
    "AwsSolutions-SF1",
    "Its events are sums and findings, which the function logs itself; a failed walk raises an alarm.",
  );
  acknowledge(
    reconciliation,
    "AwsSolutions-SF2",
    "One task in a loop: the function's own trace shows all there is.",
  );
}

const acknowledge = (construct: IConstruct, id: string, reason: string): void => {
  Validations.of(construct).acknowledge({ id: `AwsSolutions::${id}`, reason });
};

const idOf = (construct: IConstruct): string => {
  const { defaultChild } = construct.node;
  return defaultChild === undefined ? "" : Stack.of(construct).getLogicalId(defaultChild as CfnElement);
};
