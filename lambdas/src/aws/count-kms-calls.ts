/** Counts a client's requests to KMS, each attempt for itself, and those that KMS refused because there were too many. */
import type { KMSClient } from "@aws-sdk/client-kms";
import type { Observer } from "../ports/observer.ts";

export function countKmsCalls(client: KMSClient, observer: Observer): void {
  client.middlewareStack.add(
    (next) => async (request) => {
      observer.count("kmsCalls", 1);
      try {
        return await next(request);
      } catch (error) {
        if (error instanceof Error && error.name === "ThrottlingException") observer.count("kmsThrottles", 1);
        throw error;
      }
    },
    // Behind the SDK's own repetitions, before the request is signed.
    { step: "finalizeRequest", name: "countKmsCalls", priority: "low" },
  );
}
