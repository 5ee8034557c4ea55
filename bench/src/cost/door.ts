/** API Gateway's part without a network: a peer's request becomes an event for its function, and is counted. */
import { type Capability, type HttpHandler, type Route, routes, SEALED_MEDIA_TYPE } from "@lepta/lambdas";
import type { BrokerTransport } from "@lepta/peer-sdk";
import { zero } from "./counts.ts";
import type { Recorder } from "./recorder.ts";

export interface Door {
  readonly transport: BrokerTransport;
  /** Resolves when no request is under way any more, those that peers make in the background included. */
  settled(): Promise<void>;
}

type Event = Parameters<HttpHandler>[0];

/** Bytes of a request's and a response's headers beside the body; API Gateway and the transfer out count them. */
const HEADER_BYTES = 512;
const HTTP_STEP = 512 * 1024;
/** Turns of the event loop for a request that a peer is about to make. */
const TURNS = 20;

/**
 * A transport that calls the handlers themselves, one after the other: two at once would share a core's time, and
 * would at times get into each other's way in the table, so that no two counts were alike.
 */
export function openDoor(handlers: Readonly<Record<Capability, HttpHandler>>, recorder: Recorder): Door {
  const pending = new Set<Promise<unknown>>();
  let last: Promise<unknown> = Promise.resolve();

  const ask = async (route: Route, body: Uint8Array | undefined) => {
    const event = eventOf(route, body);
    const name = event.routeKey;
    return recorder.run(route.capability, name, async () => {
      const result = await handlers[route.capability](event);
      const answer = Buffer.from(result.body ?? "", result.isBase64Encoded ? "base64" : "utf8");
      const requestBytes = (body?.length ?? 0) + HEADER_BYTES;
      const responseBytes = answer.length + HEADER_BYTES;
      const httpUnits = Math.ceil(Math.max(requestBytes, responseBytes) / HTTP_STEP);
      recorder.add({ ...zero, requestBytes, responseBytes, httpUnits });
      return { contentType: String(result.headers?.["content-type"] ?? ""), body: new Uint8Array(answer) };
    });
  };

  return {
    transport: (method, url, body) => {
      const { pathname } = new URL(url);
      const route = routes.find((each) => each.method === method && each.path === pathname);
      if (route === undefined) throw new Error(`there is no route ${method} ${pathname}`);
      const asking = last.then(() => ask(route, body));
      pending.add(asking);
      const done = () => pending.delete(asking);
      last = asking.then(done, done);
      return asking;
    },
    settled: async () => {
      for (let turn = 0; turn < TURNS; turn += 1) {
        await Promise.allSettled(pending);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

function eventOf({ method, path }: Route, body: Uint8Array | undefined): Event {
  const now = Date.now();
  const routeKey = `${method} ${path}`;
  return {
    version: "2.0",
    routeKey,
    rawPath: path,
    rawQueryString: "",
    headers: { "content-type": SEALED_MEDIA_TYPE },
    requestContext: {
      accountId: "000000000000",
      apiId: "embedded",
      domainName: "127.0.0.1",
      domainPrefix: "127",
      http: { method, path, protocol: "HTTP/1.1", sourceIp: "127.0.0.1", userAgent: "lepta-cost" },
      requestId: `embedded-${now}`,
      routeKey,
      stage: "$default",
      time: new Date(now).toISOString(),
      timeEpoch: now,
    },
    ...(body === undefined ? {} : { body: Buffer.from(body).toString("base64") }),
    isBase64Encoded: true,
  };
}
