/** The alarms of the stage, as CloudWatch has them now. */
import { paginateDescribeAlarms } from "@aws-sdk/client-cloudwatch";
import type { Deployment } from "@lepta/lambdas/deployment";
import { type Check, notChecked, ok, wrong } from "./check.ts";
import type { Cloud } from "./cloud.ts";

/** More alarms than these are not one stage's. */
const MOST = 1000;

/** Names every alarm that rings. */
export async function checkAlarms(
  { cloudWatch }: Cloud,
  { alarmPrefix }: Deployment,
): Promise<readonly Check[]> {
  if (alarmPrefix === undefined) return [notChecked("alarms", "this deployment has none")];
  let count = 0;
  const ringing: Check[] = [];
  const pages = paginateDescribeAlarms(
    { client: cloudWatch },
    { AlarmNamePrefix: alarmPrefix, AlarmTypes: ["MetricAlarm", "CompositeAlarm"] },
  );
  for await (const { MetricAlarms = [], CompositeAlarms = [] } of pages) {
    for (const { AlarmName = "unnamed", StateValue, StateReason } of [...MetricAlarms, ...CompositeAlarms]) {
      count += 1;
      if (StateValue === "ALARM")
        ringing.push(
          wrong(`alarm ${AlarmName}`, StateReason ?? "it rings", "docs/operate.md says what to do on each"),
        );
    }
    if (count > MOST) break;
  }
  if (count === 0)
    return [
      wrong("alarms", `there is none whose name begins with ${alarmPrefix}`, "deploy this release again"),
    ];
  return ringing.length === 0 ? [ok("alarms", `none of ${count} rings`)] : ringing;
}
