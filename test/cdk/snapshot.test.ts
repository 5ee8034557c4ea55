/** What a change of the code changes in a deployment: a reviewer reads it as a diff of broker.template.txt. */
import { CfnElement } from "aws-cdk-lib";
import { expect, test } from "vitest";
import { render } from "./support/render.ts";
import { type Synthesised, synthesise } from "./support/synthesise.ts";

/** The construct of each logical id, without what every path has. */
const pathsOf = ({ stack }: Synthesised): ReadonlyMap<string, string> =>
  new Map(
    stack.node
      .findAll()
      .filter((each) => CfnElement.isCfnElement(each))
      .map((each) => [
        stack.resolve(each.logicalId),
        each.node.path.replace(/^[^/]+\/(Broker\/)?/, "").replace(/\/Resource$/, ""),
      ]),
  );

const synthesised = synthesise({ alarmEmail: "alarms@example.org" });
const text = render(synthesised.json, pathsOf(synthesised));

test("the template is the one that was reviewed: `npx vitest run --project tests test/cdk/snapshot.test.ts -u` takes a new one", async () => {
  await expect(text).toMatchFileSnapshot("./broker.template.txt");
});

test("the rendering names constructs, and nothing that differs from build to build or account to account", () => {
  expect(text).not.toMatch(/[0-9a-f]{32}|\b\d{12}\b|[A-Za-z][0-9A-F]{8}\b/);
  for (const { Type } of Object.values(synthesised.json.Resources)) expect(text).toContain(`: ${Type}`);
});

test("a change of a right is a change of one line", () => {
  const [id, policy] =
    Object.entries(synthesised.json.Resources).find(([each]) => each.startsWith("BrokerKeysRoleDefault")) ??
    expect.unreachable();
  const changed = JSON.parse(JSON.stringify(policy).replace("dynamodb:Query", "dynamodb:GetItem"));
  const json = { ...synthesised.json, Resources: { ...synthesised.json.Resources, [id]: changed } };
  const before = new Set(text.split("\n"));
  const differing = render(json, pathsOf(synthesised))
    .split("\n")
    .filter((line) => !before.has(line));
  expect(differing).toEqual([
    expect.stringMatching(/^ {2}allows dynamodb:GetItem on <Table\.Arn> where .*KEYS/),
  ]);
});
