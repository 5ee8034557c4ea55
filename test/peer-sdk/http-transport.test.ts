import { createServer } from "node:http";
import { ERROR_MEDIA_TYPE, encodeAs, errorCodec } from "@lepta/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { httpTransport } from "../../peer-sdk/src/http-transport.ts";

/** What stands before the broker answers with when the broker itself does not. */
interface Gateway {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

let answer: Gateway;
let url = "";
const server = createServer((_request, response) => {
  response.writeHead(answer.status, { "content-type": answer.contentType }).end(answer.body);
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  url = `http://127.0.0.1:${address.port}/enrol`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const gateway = (status: number, message: string): Gateway => ({
  status,
  contentType: "application/json",
  body: JSON.stringify({ message }),
});
const ask = (given: Gateway) => {
  answer = given;
  return httpTransport("POST", url, new Uint8Array([1]));
};

test("a gateway that throttles has decided nothing: the same request may come again", async () => {
  await expect(ask(gateway(429, "Too Many Requests"))).rejects.toMatchObject({ code: "busy" });
});

test("a gateway whose function did not answer leaves it open what was decided", async () => {
  for (const status of [500, 502, 503, 504])
    await expect(ask(gateway(status, "Service Unavailable"))).rejects.toMatchObject({ code: "unreachable" });
});

test("a gateway that knows no such door is no broker", async () => {
  await expect(ask(gateway(404, "Not Found"))).rejects.toMatchObject({ code: "not-found" });
  await expect(ask(gateway(403, "Forbidden"))).rejects.toMatchObject({ code: "unreachable" });
});

test("what the broker itself answers comes through, whatever its status", async () => {
  const body = encodeAs(errorCodec, { version: 1, type: "error", code: "busy" });
  for (const status of [503, 403, 404])
    expect(await ask({ status, contentType: ERROR_MEDIA_TYPE, body })).toEqual({
      contentType: ERROR_MEDIA_TYPE,
      body: new Uint8Array(body),
    });
});
