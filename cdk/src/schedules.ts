/** What runs by the clock: rules that call a function, and the loop that walks the whole table. */
import { type FunctionName, functions } from "@lepta/lambdas/functions";
import { schedules } from "@lepta/lambdas/routes";
import { Duration } from "aws-cdk-lib";
import { Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction, SfnStateMachine } from "aws-cdk-lib/aws-events-targets";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { DefinitionBody, StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import type { Construct } from "constructs";
import { pascal } from "./roles.ts";

export interface ScheduleOptions {
  readonly stage: string;
  readonly functions: Readonly<Record<FunctionName, IFunction>>;
  readonly deadLetters: Queue;
}

const CLOCK: readonly { readonly capability: FunctionName; readonly everyMinutes: number }[] = schedules;

/** A walk that is not done by then would meet the next day's. */
const WALK_ENDS = Duration.hours(23);

/** Sets up the clock, and gives the loop of the reconciliation. */
export function createSchedules(scope: Construct, options: ScheduleOptions): StateMachine {
  const { functions: built, deadLetters } = options;
  const reconciliation = createReconciliation(scope, built.reconcile);
  for (const { capability, everyMinutes } of CLOCK) {
    const failed = { deadLetterQueue: deadLetters, retryAttempts: 2, maxEventAge: Duration.hours(1) };
    new Rule(scope, `${pascal(capability)}Schedule`, {
      schedule: Schedule.rate(Duration.minutes(everyMinutes)),
      targets: [
        capability === "reconcile"
          ? new SfnStateMachine(reconciliation, failed)
          : new LambdaFunction(built[capability], failed),
      ],
    });
  }
  return reconciliation;
}

/**
 * One walk over the table is as many calls as it takes: each answer is the next call's event until one says that it is
 * done. Written out, because the construct for a call would also allow every version of the function.
 */
function createReconciliation(scope: Construct, reconcile: IFunction): StateMachine {
  const role = new Role(scope, "ReconciliationRole", {
    assumedBy: new ServicePrincipal("states.amazonaws.com"),
  });
  role.addToPolicy(
    new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [reconcile.functionArn] }),
  );
  const walk = {
    Type: "Task",
    Resource: reconcile.functionArn,
    TimeoutSeconds: functions.reconcile.timeoutSeconds + 30,
    Retry: [
      {
        ErrorEquals: ["States.ALL"],
        IntervalSeconds: 10,
        BackoffRate: 2,
        MaxAttempts: 5,
        JitterStrategy: "FULL",
      },
    ],
    Next: "IsDone",
  };
  const definition = {
    Comment: "Walks the whole table, page by page, and checks the books.",
    // CDK's own property would be left out of a definition that is given as text.
    TimeoutSeconds: WALK_ENDS.toSeconds(),
    StartAt: "Begin",
    States: {
      Begin: { Type: "Pass", Result: {}, Next: "Walk" },
      Walk: walk,
      IsDone: {
        Type: "Choice",
        Choices: [{ Variable: "$.done", BooleanEquals: true, Next: "Done" }],
        Default: "Walk",
      },
      Done: { Type: "Succeed" },
    },
  };
  return new StateMachine(scope, "Reconciliation", {
    definitionBody: DefinitionBody.fromString(JSON.stringify(definition)),
    role: role.withoutPolicyUpdates(),
  });
}
