/** `doctor`: walks the deployment from the outside in and says of each thing whether it is well. It changes nothing. */
import { type Check, ok, walked, wrong } from "./check.ts";
import { checkAlarms } from "./check-alarms.ts";
import { checkBroker } from "./check-broker.ts";
import { checkFunctions } from "./check-functions.ts";
import { checkKms } from "./check-kms.ts";
import { checkOverlap } from "./check-overlap.ts";
import { checkTable } from "./check-table.ts";
import { type Cloud, loadDeployment } from "./cloud.ts";
import { sentenceFor } from "./fault.ts";

export interface Surroundings {
  readonly fetch: typeof fetch;
  readonly now: () => number;
}

/** All checks, in the order in which they are best mended. Without a manifest there is nothing to walk. */
export async function examine(cloud: Cloud, { fetch: ask, now }: Surroundings): Promise<readonly Check[]> {
  const deployment = await loadDeployment(cloud).catch((error: unknown) => sentenceFor(error));
  if (typeof deployment === "string")
    return [wrong("manifest", deployment, "nothing else can be checked before this is mended")];
  const broker = await checkBroker(deployment.url, ask, now);
  return [
    ok("manifest", `stage ${deployment.stage} in ${deployment.region}`),
    ...broker.checks,
    ...(await walked("keys overlap", () => checkOverlap(cloud, deployment, now()))),
    ...(await checkKms(cloud, deployment, broker.root)),
    ...(await checkTable(cloud, deployment)),
    ...(await checkFunctions(cloud, deployment)),
    ...(await walked("alarms", () => checkAlarms(cloud, deployment))),
  ];
}
