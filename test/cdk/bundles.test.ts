/** What Lambda is given: one small file for each function that runs as it stands, with its map beside it. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { BrokerStack } from "@lepta/cdk";
import { type FunctionName, functions } from "@lepta/lambdas/functions";
import { App, type CfnResource } from "aws-cdk-lib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { standardStage } from "./support/synthesise.ts";

const MIB = 1024 * 1024;
/** Twelve bundles, each by a process of its own, on a machine that has other things to do: milliseconds. */
const PATIENCE = 180_000;
const names = Object.keys(functions) as FunctionName[];

let outdir: string;
/** The directory of each function's bundle. */
let bundles: ReadonlyMap<string, string>;

beforeAll(() => {
  outdir = mkdtempSync(join(tmpdir(), "lepta-bundles-"));
  const { context } = JSON.parse(readFileSync(new URL("../../cdk.json", import.meta.url), "utf8"));
  const { stages: _, ...flags } = context;
  const bundling = { "aws:cdk:bundling-stacks": ["**"], "aws:cdk:enable-asset-metadata": true };
  const app = new App({ outdir, context: { ...flags, ...bundling } });
  const { broker } = new BrokerStack(app, standardStage);
  bundles = new Map(
    names.map((name) => {
      const built = broker.functions[name].node.defaultChild as CfnResource;
      return [name, join(outdir, String(built.getMetadata("aws:asset:path")))];
    }),
  );
}, PATIENCE);

afterAll(() => rmSync(outdir, { recursive: true }));

const file = (name: FunctionName, end = ""): string => join(bundles.get(name) ?? "", `index.mjs${end}`);

test.each(names)("the bundle of %s is under 1 MiB and has a map without sources", (name) => {
  expect(statSync(file(name)).size).toBeLessThan(MIB);
  const { sources, sourcesContent = [] } = JSON.parse(readFileSync(file(name, ".map"), "utf8"));
  expect(sources.some((each: string) => each.endsWith(`lambdas/src/handlers/${name}.ts`))).toBe(true);
  expect(sourcesContent.filter((each: unknown) => each !== null)).toEqual([]);
});

test("a fault in a bundle is told by its place in the sources: Node finds the map", () => {
  const run = `process.env.LEPTA_TABLE = ""; const { handler } = await import(${JSON.stringify(pathToFileURL(file("keys")).href)});
    await handler({}).catch((error) => console.log(error.stack));`;
  const { stdout } = spawnSync(process.execPath, ["--enable-source-maps", "--input-type=module", "-e", run], {
    encoding: "utf8",
  });
  expect(stdout).toMatch(/LEPTA_\w+ is not set[\s\S]*lambdas\/src\/environment\.ts:\d+:\d+/);
});

test.each(names)("the bundle of %s holds neither the paper's own suite nor what only deploys", (name) => {
  const { sources } = JSON.parse(readFileSync(file(name, ".map"), "utf8")) as {
    readonly sources: readonly string[];
  };
  for (const stranger of [
    "/node-forge/",
    "/aws-cdk-lib/",
    "/constructs/",
    "/cdk/src/",
    "/local/src/",
    "/peer-sdk/src/",
  ])
    expect(sources.filter((each) => each.includes(stranger))).toEqual([]);
  expect(readFileSync(file(name), "utf8")).not.toMatch(/node-forge|aws-cdk-lib/);
});

test("every bundle runs alone under Node 24, far from its node_modules, and exports its handler", () => {
  const code = `
    const files = JSON.parse(process.argv[1]);
    const kinds = await Promise.all(files.map(async (each) => typeof (await import(each)).handler));
    process.stdout.write(JSON.stringify([process.versions.node.split(".")[0], ...kinds]));`;
  const files = names.map((name) => file(name));
  const args = ["--input-type=module", "--eval", code, JSON.stringify(files)];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: outdir, encoding: "utf8" });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual(["24", ...names.map(() => "function")]);
});
