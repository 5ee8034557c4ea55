import { request } from "node:http";
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  ListFunctionsCommand,
} from "@aws-sdk/client-lambda";
import { DeleteParameterCommand, GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { type DevelopmentServices, startDevelopmentServices } from "@lepta/local/development-services";
import { afterAll, beforeAll, expect, test } from "vitest";

let services: DevelopmentServices;
let lambda: LambdaClient;
let ssm: SSMClient;
/** How often the function "counts" ran. */
let calls = 0;

beforeAll(async () => {
  const base = { memoryMiB: 256, timeoutSeconds: 10, variables: { LEPTA_TABLE: "lepta" } };
  services = await startDevelopmentServices({
    functions: new Map([
      ["echo", { ...base, invoke: async (event: unknown) => ({ event }) }],
      ["counts", { ...base, invoke: async () => (calls += 1) }],
      ["void", { ...base, invoke: async () => undefined }],
      ["fails", { ...base, invoke: async () => Promise.reject(new RangeError("too far")) }],
    ]),
    parameters: new Map([["/lepta/x/deployment", "the manifest"]]),
  });
  const client = {
    endpoint: services.url,
    region: "us-east-1",
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
    maxAttempts: 1,
  };
  lambda = new LambdaClient(client);
  ssm = new SSMClient(client);
});
afterAll(async () => {
  lambda.destroy();
  ssm.destroy();
  await services.close();
});

const invoke = async (FunctionName: string, event?: string) => {
  const Payload = event === undefined ? {} : { Payload: new TextEncoder().encode(event) };
  const answer = await lambda.send(new InvokeCommand({ FunctionName, ...Payload }));
  return [answer.FunctionError, JSON.parse(new TextDecoder().decode(answer.Payload))];
};

test("a function gets the event and its answer comes back", async () => {
  expect(await invoke("echo", '{"a":[1,"ü"]}')).toEqual([undefined, { event: { a: [1, "ü"] } }]);
  expect(await invoke("echo")).toEqual([undefined, { event: {} }]);
  expect(await invoke("void")).toEqual([undefined, null]);
});

test("what a function throws is a FunctionError", async () => {
  expect(await invoke("fails")).toEqual(["Unhandled", { errorType: "RangeError", errorMessage: "too far" }]);
});

test("a function is described as it was defined", async () => {
  const found = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: "echo" }));
  expect(found).toMatchObject({
    State: "Active",
    Runtime: "nodejs24.x",
    MemorySize: 256,
    Timeout: 10,
    Environment: { Variables: { LEPTA_TABLE: "lepta" } },
  });
});

test("a parameter is read by its name", async () => {
  const { Parameter } = await ssm.send(new GetParameterCommand({ Name: "/lepta/x/deployment" }));
  expect(Parameter?.Value).toBe("the manifest");
});

test.each<[string, () => Promise<unknown>, string]>([
  ["no such function", () => invoke("nothing"), "ResourceNotFoundException"],
  ["an event that is no JSON", () => invoke("echo", "{"), "InvalidRequestContentException"],
  [
    "an invocation that nobody waits for",
    () => lambda.send(new InvokeCommand({ FunctionName: "echo", InvocationType: "Event" })),
    "InvalidParameterValueException",
  ],
  [
    "another operation of Lambda",
    () => lambda.send(new ListFunctionsCommand({})),
    "UnknownOperationException",
  ],
  ["no such parameter", () => ssm.send(new GetParameterCommand({ Name: "/other" })), "ParameterNotFound"],
  [
    "another operation of SSM",
    () => ssm.send(new DeleteParameterCommand({ Name: "/lepta/x/deployment" })),
    "UnknownOperationException",
  ],
])("%s has the name that AWS gives it", async (_name, asking, name) => {
  await expect(asking()).rejects.toMatchObject({ name });
});

test("a web page whose name was rebound to this machine is refused", async () => {
  const url = new URL("/2015-03-31/functions/echo/configuration", services.url);
  const status = await new Promise((resolve, reject) => {
    const asked = request(url, { headers: { host: "evil.example" } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.once("error", reject).end();
  });
  expect(status).toBe(403);
});

test("a web page that sends an event here without asking first is refused, and nothing runs", async () => {
  const ran = calls;
  const url = new URL("/2015-03-31/functions/counts/invocations", services.url);
  // What `fetch(url, { method: "POST", mode: "no-cors", body })` in a page sends.
  const headers = { origin: "https://evil.example", "content-type": "text/plain;charset=UTF-8" };
  const answered = await fetch(url, { method: "POST", headers, body: '{"operation":"revoke"}' });
  expect([answered.status, calls]).toEqual([403, ran]);
  await invoke("counts");
  expect(calls).toBe(ran + 1);
});
