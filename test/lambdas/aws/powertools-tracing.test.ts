/** The tracer as it is on Lambda: with the environment of a function, and a daemon that is ours. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import type { Tracing } from "@lepta/lambdas/aws/powertools-tracing";
import { standIn } from "@lepta/lambdas/wiring";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

const SECRET = "NL91ABNA0417164300";
const PARENT = "557abcec3ee5a047";
const TRACE = "1-5759e988-bd862e3fe1be46a994272793";

let daemon: Socket;
let table: Server;
let client: DynamoDBClient;
let tracing: Tracing;
const sent: string[] = [];

interface Segment {
  readonly id: string;
  readonly name: string;
  readonly trace_id: string;
  readonly parent_id: string;
  readonly fault?: boolean;
}
const segments = (): readonly Segment[] => sent.map((each) => JSON.parse(each.split("\n")[1] ?? ""));

beforeAll(async () => {
  daemon = createSocket("udp4");
  daemon.on("message", (bytes) => sent.push(bytes.toString()));
  daemon.bind(0, "127.0.0.1");
  await once(daemon, "listening");
  table = createServer((_request, response) => {
    response.setHeader("content-type", "application/x-amz-json-1.0");
    response.end("{}");
  });
  table.listen(0, "127.0.0.1");
  await once(table, "listening");
  const variables = {
    LAMBDA_TASK_ROOT: "/var/task",
    AWS_LAMBDA_FUNCTION_NAME: "authorise",
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    AWS_XRAY_DAEMON_ADDRESS: `127.0.0.1:${daemon.address().port}`,
    _X_AMZN_TRACE_ID: `Root=${TRACE};Parent=${PARENT};Sampled=1`,
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  // Loaded now, because it looks at its environment when it is loaded.
  tracing = (await import("@lepta/lambdas/aws/powertools-tracing")).powertoolsTracing("authorise");
  client = new DynamoDBClient(standIn(`http://127.0.0.1:${(table.address() as AddressInfo).port}`));
  tracing.capture(client);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  client.destroy();
  daemon.close();
  table.closeAllConnections();
  table.close();
});

test("an invocation is a segment with its stages and the SDK's calls below it, and nothing of what they carry", async () => {
  const Key = { pk: { S: `ACCOUNT#${SECRET}` }, sk: { S: "ENROLMENT" } };
  const answer = await tracing.span("POST /authorise", async () => {
    await tracing.span("receive", () => client.send(new GetItemCommand({ TableName: "lepta", Key })));
    await tracing
      .span("settle", async () => {
        throw new Error(SECRET);
      })
      .catch(() => {});
    return "answered";
  });
  expect(answer).toBe("answered");
  while (segments().length < 4) await once(daemon, "message");
  const named = (name: string) => segments().find((each) => each.name === name);
  const [invocation, receive, call, failed] = ["POST /authorise", "receive", "DynamoDB", "settle"].map(named);
  expect(invocation).toMatchObject({ parent_id: PARENT, trace_id: TRACE });
  expect(receive?.parent_id).toBe(invocation?.id);
  expect(call?.parent_id).toBe(receive?.id);
  expect(failed).toMatchObject({ parent_id: invocation?.id, fault: true });
  expect(
    segments()
      .map(({ fault }) => fault ?? false)
      .filter(Boolean),
  ).toHaveLength(1);
  expect(sent.join("")).not.toContain(SECRET);
});
