/** An embedded cloud as the tests' peers see a broker: through its real front. */
import { brokerBooks, SEALED_MEDIA_TYPE } from "@lepta/lambdas";
import type { EmbeddedCloud } from "@lepta/local";
import {
  decodeAs,
  defaultSuite,
  ERROR_MEDIA_TYPE,
  errorCodec,
  orThrow,
  verifyBrokerKeys,
} from "@lepta/protocol";
import { routeOf } from "./api-event.ts";
import type { BrokerUnderTest } from "./broker.ts";
import type { TestRuntime } from "./runtime.ts";

export function throughFront(cloud: EmbeddedCloud, runtime: TestRuntime): BrokerUnderTest {
  const unused = () => Promise.reject(new Error("not through the front"));
  const call: BrokerUnderTest["call"] = async (name, body) => {
    const { method, path } = routeOf(name);
    const init = method === "GET" ? {} : { body: new Uint8Array(body ?? []) };
    const headers = { "content-type": SEALED_MEDIA_TYPE };
    const response = await fetch(cloud.url + path, { method, headers, ...init });
    const contentType = response.headers.get("content-type") ?? "";
    const bytes = new Uint8Array(await response.arrayBuffer());
    const code = contentType === ERROR_MEDIA_TYPE ? orThrow(decodeAs(errorCodec, bytes)).code : undefined;
    return { status: response.status, contentType, body: bytes, code };
  };
  const { network, wiring, handlers } = cloud;
  return {
    runtime,
    wiring,
    handlers,
    network,
    call,
    keys: async () =>
      orThrow(await verifyBrokerKeys((await call("GET /keys")).body, network, defaultSuite, runtime.now())),
    finish: unused,
    rotate: unused,
    items: cloud.items,
    books: async () => brokerBooks(await cloud.items(), "EUR", runtime.now()),
    close: cloud.close,
  };
}
