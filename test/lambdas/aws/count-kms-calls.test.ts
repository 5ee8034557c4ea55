import { createServer } from "node:http";
import { GetPublicKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { countKmsCalls } from "@lepta/lambdas/aws/count-kms-calls";
import { memoryObserver } from "@lepta/lambdas/memory/observer";
import { standIn } from "@lepta/lambdas/wiring";
import { afterAll, beforeAll, expect, test } from "vitest";

/** How often the next requests are throttled. */
let throttled = 0;
const server = createServer((request, response) => {
  request.resume();
  throttled -= 1;
  const isTooMuch = throttled >= 0;
  response.writeHead(isTooMuch ? 400 : 200, { "content-type": "application/x-amz-json-1.1" });
  response.end(JSON.stringify(isTooMuch ? { __type: "ThrottlingException", message: "Rate exceeded" } : {}));
});
let endpoint = "";
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  endpoint = `http://127.0.0.1:${address.port}`;
});
afterAll(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

test("every attempt is counted, and those that KMS throttled", async () => {
  const observer = memoryObserver();
  const client = new KMSClient({ ...standIn(endpoint), maxAttempts: 3 });
  countKmsCalls(client, observer);
  throttled = 1;
  await client.send(new GetPublicKeyCommand({ KeyId: "root" }));
  client.destroy();
  expect(observer.counted("kmsCalls")).toBe(2);
  expect(observer.counted("kmsThrottles")).toBe(1);
});
