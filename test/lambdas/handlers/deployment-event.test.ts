import { createServer } from "node:http";
import type { CloudFormationCustomResourceEvent } from "aws-lambda";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answerDeployment, isDeployment } from "../../../lambdas/src/handlers/deployment-event.ts";

interface Put {
  readonly method: string | undefined;
  readonly contentType: string | undefined;
  readonly body: Record<string, unknown>;
}

const puts: Put[] = [];
/** What the next requests are answered with; 200 when there is no more. */
const statuses: number[] = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  puts.push({
    method: request.method,
    contentType: request.headers["content-type"],
    body: JSON.parse(body) as Record<string, unknown>,
  });
  response.writeHead(statuses.shift() ?? 200).end();
});
let url = "";

beforeEach(async () => {
  puts.length = 0;
  statuses.length = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  url = `http://127.0.0.1:${address.port}/answer`;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

const event = (RequestType: "Create" | "Update" | "Delete") =>
  ({
    RequestType,
    ResponseURL: url,
    RequestId: "request",
    StackId: "stack",
    LogicalResourceId: "FirstKeys",
    ResourceType: "Custom::LeptaKeys",
    ServiceToken: "arn",
    ResourceProperties: { ServiceToken: "arn" },
    ...(RequestType === "Create" ? {} : { PhysicalResourceId: "lepta-keys" }),
  }) as CloudFormationCustomResourceEvent;

test("a deployment's event is told from a schedule's and an operator's", () => {
  expect(isDeployment(event("Create"))).toBe(true);
  for (const other of [{}, { operation: "list" }, { source: "aws.events" }, null, "Create"])
    expect(isDeployment(other)).toBe(false);
});

test("the deployment is told what the work gave, under the same physical id each time", async () => {
  await answerDeployment(event("Create"), async () => ({ Network: "thumbprint" }));
  await answerDeployment(event("Update"), async () => ({ Network: "thumbprint" }));
  const answer = {
    Status: "SUCCESS",
    Data: { Network: "thumbprint" },
    RequestId: "request",
    StackId: "stack",
    LogicalResourceId: "FirstKeys",
    PhysicalResourceId: "lepta-keys",
  };
  expect(puts.map(({ body }) => body)).toEqual([answer, answer]);
  expect(puts.every(({ method, contentType }) => method === "PUT" && !contentType)).toBe(true);
});

test("a stack that goes leaves the keys as they are", async () => {
  let worked = false;
  await answerDeployment(event("Delete"), async () => {
    worked = true;
    return {};
  });
  expect(worked).toBe(false);
  expect(puts[0]?.body.Status).toBe("SUCCESS");
});

test("a failure is told by its kind and not by its words", async () => {
  await answerDeployment(event("Create"), async () => {
    throw new RangeError("secret");
  });
  expect(puts[0]?.body.Status).toBe("FAILED");
  expect(String(puts[0]?.body.Reason)).toContain("RangeError");
  expect(JSON.stringify(puts)).not.toContain("secret");
});

test("an answer that is not taken is sent again, and a deployment that never takes it is an error", async () => {
  statuses.push(503, 500);
  await answerDeployment(event("Create"), async () => ({}));
  expect(puts).toHaveLength(3);
  statuses.push(503, 503, 503);
  await expect(answerDeployment(event("Create"), async () => ({}))).rejects.toThrow("did not take");
});
