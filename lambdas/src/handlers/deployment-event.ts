/** CloudFormation's part: a deployment calls the function `rotate` as a custom resource, and waits for its word. */
import type { CloudFormationCustomResourceEvent } from "aws-lambda";

/** How often the answer is sent before the deployment is left to its own timeout. */
const ATTEMPTS = 3;
/** Milliseconds for one of them. */
const PATIENCE = 5_000;
const PHYSICAL_ID = "lepta-keys";

/** Whether an event is a deployment's. */
export const isDeployment = (event: unknown): event is CloudFormationCustomResourceEvent =>
  typeof event === "object" && event !== null && "RequestType" in event && "ResponseURL" in event;

/**
 * Does the work and tells CloudFormation the attributes that it gave, or that it failed. A stack that is deleted leaves
 * its keys as they are. Throws where CloudFormation cannot be told.
 */
export async function answerDeployment(
  event: CloudFormationCustomResourceEvent,
  work: () => Promise<Readonly<Record<string, string>>>,
): Promise<void> {
  const { ResponseURL, RequestId, StackId, LogicalResourceId } = event;
  const outcome = event.RequestType === "Delete" ? succeeded({}) : await work().then(succeeded, failed);
  const body = JSON.stringify({
    ...outcome,
    RequestId,
    StackId,
    LogicalResourceId,
    PhysicalResourceId: PHYSICAL_ID,
  });
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) if (await isTaken(ResponseURL, body)) return;
  throw new Error("CloudFormation did not take the answer");
}

/** Where it is sent was signed for a body without a content type. */
const isTaken = (url: string, body: string): Promise<boolean> =>
  fetch(url, {
    method: "PUT",
    body,
    headers: { "content-type": "" },
    signal: AbortSignal.timeout(PATIENCE),
  }).then(
    (response) => response.ok,
    () => false,
  );

const succeeded = (Data: Readonly<Record<string, string>>) => ({ Status: "SUCCESS", Data }) as const;

/** By its kind only: a message could quote what it choked on. The function's log tells the place. */
const failed = (error: unknown) =>
  ({
    Status: "FAILED",
    Reason: `The first keys could not be made (${error instanceof Error ? error.name : "unknown"}): see the log of the function rotate`,
  }) as const;
