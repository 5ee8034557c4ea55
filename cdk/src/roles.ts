/** One role for each function; what it may do is added when what it may do it with exists. */
import { type FunctionName, functions } from "@lepta/lambdas/functions";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";

export type Roles = Readonly<Record<FunctionName, Role>>;

export const createRoles = (scope: Construct, stage: string): Roles =>
  Object.fromEntries(
    Object.keys(functions).map((name) => [
      name,
      new Role(scope, `${pascal(name)}Role`, {
        assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
        description: `Lepta ${stage}: the function ${name}.`,
      }),
    ]),
  ) as Record<FunctionName, Role>;

/** A construct's id of a function's name. */
export const pascal = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
