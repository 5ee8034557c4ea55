/** Finds what a test asks of a template, by the names that the code gives it. */
import { type FunctionName, functions } from "@lepta/lambdas/functions";
import { expect } from "vitest";
import { ofType, type Resource, type TemplateJson } from "./synthesise.ts";

export type Found = readonly [id: string, resource: Resource];

export interface Lookup {
  readonly all: (type: string) => readonly Found[];
  /** The one resource of a type, whose construct has this name where there are several. */
  readonly the: (type: string, name?: string) => Found;
  readonly functionOf: (name: FunctionName) => Found;
}

/** Looks into one template. */
export function lookInto(json: TemplateJson): Lookup {
  const all: Lookup["all"] = (type) => ofType(json, type);
  const the: Lookup["the"] = (type, name = "") => {
    const pattern = new RegExp(`^Broker${name}[0-9A-F]{8}$`);
    const found = all(type).filter(([id]) => name === "" || pattern.test(id));
    expect(found.map(([id]) => id)).toHaveLength(1);
    return found[0] ?? expect.unreachable(type);
  };
  return { all, the, functionOf: (name) => the("AWS::Lambda::Function", `${pascal(name)}Function`) };
}

export const functionNames = Object.keys(functions) as FunctionName[];
export const pascal = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
export const properties = (resource: Resource): Readonly<Record<string, unknown>> =>
  resource.Properties ?? {};
export const arn = (id: string) => ({ "Fn::GetAtt": [id, "Arn"] });
