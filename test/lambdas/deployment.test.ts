import { type Deployment, readDeployment } from "@lepta/lambdas";
import { describe, expect, test } from "vitest";

const least: Deployment = {
  version: 1,
  stage: "test",
  region: "eu-central-1",
  url: "https://api.example",
  rootKey: "alias/lepta-test-root",
  wrappingKey: "alias/lepta-test-wrapping",
  table: "lepta-test",
  functions: { keys: "lepta-test-keys" },
};
const whole: Deployment = {
  ...least,
  journalBucket: "journal",
  dashboard: "https://console.example",
  alarmPrefix: "lepta-test-",
  stateMachine: "arn:aws:states:eu-central-1:000000000000:stateMachine:reconcile",
};

describe("the manifest of a deployment", () => {
  test.each([[least], [whole]])("is read as it was written", (deployment) => {
    expect(readDeployment(JSON.stringify(deployment))).toEqual(deployment);
  });

  test("names the API without a slash at its end", () => {
    expect(readDeployment(JSON.stringify({ ...least, url: "https://api.example/" })).url).toBe(least.url);
  });

  test.each<[string, string, RegExp]>([
    ["no JSON", "{", /not JSON/],
    ["no object", "[]", /not a JSON object/],
    ["no version", JSON.stringify({ ...least, version: undefined }), /version none/],
    ["a later version", JSON.stringify({ ...least, version: 2 }), /version 2/],
    ["no table", JSON.stringify({ ...least, table: undefined }), /no table/],
    ["an empty stage", JSON.stringify({ ...least, stage: "" }), /no stage/],
    ["a url of another kind", JSON.stringify({ ...least, url: "ftp://api.example" }), /url/],
    ["no functions", JSON.stringify({ ...least, functions: undefined }), /no functions/],
    ["an unknown function", JSON.stringify({ ...least, functions: { melt: "x" } }), /melt/],
    ["a function without a name", JSON.stringify({ ...least, functions: { keys: 1 } }), /functions\.keys/],
    ["a member of another kind", JSON.stringify({ ...least, dashboard: 1 }), /dashboard/],
    ["an unknown member", JSON.stringify({ ...least, colour: "red" }), /does not know: colour/],
  ])("is refused with a sentence where it has %s", (_name, json, sentence) => {
    expect(() => readDeployment(json)).toThrow(sentence);
  });
});
