import { variable, wire } from "@lepta/lambdas";
import { plainObserver } from "@lepta/lambdas/log";
import { afterEach, expect, test, vi } from "vitest";

afterEach(() => vi.restoreAllMocks());

const variables = {
  [variable.table]: "lepta",
  [variable.rootKey]: "root",
  [variable.wrappingKey]: "wrapping",
  [variable.currency]: "EUR",
  AWS_ENDPOINT_URL_DYNAMODB: "http://127.0.0.1:1",
  AWS_ENDPOINT_URL_KMS: "http://127.0.0.1:1",
};

test("a broker whose metrics have no namespace only prints its faults", async () => {
  expect((await wire(variables)).observer).toBe(plainObserver);
});

test("metrics go to the namespace and service that the environment names", async () => {
  const lines: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => lines.push(String(chunk)) > 0);
  const named = { POWERTOOLS_METRICS_NAMESPACE: "Lepta/prod", POWERTOOLS_SERVICE_NAME: "redeemer" };
  const { observer } = await wire({ ...variables, ...named });
  await observer.invocation("POST /redeem", async () => observer.count("faults", 1));
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    _aws: { CloudWatchMetrics: [{ Namespace: "Lepta/prod", Dimensions: [["service"]] }] },
    service: "redeemer",
    Faults: 1,
  });
});
