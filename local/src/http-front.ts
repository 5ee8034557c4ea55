/** API Gateway's part on loopback: HTTP requests become v2 events for the handlers of the route table. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  type Capability,
  crossOrigin,
  errorResponse,
  type HttpHandler,
  type Route,
  routes,
} from "@lepta/lambdas";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { type Loopback, listen } from "./loopback.ts";

/** How long a request may take to arrive, in milliseconds. */
const REQUEST_TIMEOUT = 30_000;

/** Serves the route table on 127.0.0.1. Port 0 takes a free one. */
export async function startHttpFront(
  handlers: Readonly<Record<Capability, HttpHandler>>,
  port: number,
): Promise<Loopback> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT }, (request, response) => {
    if (isFromPage(request)) response.setHeader("access-control-allow-origin", crossOrigin.origin);
    if (isPreflight(request)) return allow(response);
    serve(handlers, request).then(
      (result) => send(response, result),
      () => send(response, errorResponse("internal")),
    );
  });
  return listen(server, port);
}

/** Whether a page of another origin asks: browsers say which. */
const isFromPage = ({ headers }: IncomingMessage): boolean => headers.origin !== undefined;

/** Whether a browser asks first whether it may: API Gateway answers that itself, whatever the path. */
const isPreflight = (request: IncomingMessage): boolean =>
  request.method === "OPTIONS" &&
  isFromPage(request) &&
  request.headers["access-control-request-method"] !== undefined;

function allow(response: ServerResponse): void {
  const { methods, headers, maxAgeSeconds } = crossOrigin;
  response.writeHead(204, {
    "access-control-allow-methods": methods.join(","),
    "access-control-allow-headers": headers.join(","),
    "access-control-max-age": String(maxAgeSeconds),
  });
  response.end();
}

async function serve(
  handlers: Readonly<Record<Capability, HttpHandler>>,
  request: IncomingMessage,
): Promise<APIGatewayProxyStructuredResultV2> {
  const url = URL.parse(request.url ?? "/", "http://127.0.0.1");
  const route = routes.find((each) => each.method === request.method && each.path === url?.pathname);
  if (url === null || route === undefined) return errorResponse("not-found");
  const body = await readBody(request, route);
  if (body === undefined) return errorResponse("too-large");
  return handlers[route.capability](toEvent(request, route, url, body));
}

/** The body, or undefined as soon as it is longer than the route takes. */
async function readBody(request: IncomingMessage, route: Route): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > route.bodyLimit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function toEvent(request: IncomingMessage, route: Route, url: URL, body: Buffer): APIGatewayProxyEventV2 {
  const now = Date.now();
  const routeKey = `${route.method} ${route.path}`;
  const headers = Object.entries(request.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(",") : value,
  ]);
  return {
    version: "2.0",
    routeKey,
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    headers: Object.fromEntries(headers) as Record<string, string>,
    requestContext: {
      accountId: "000000000000",
      apiId: "embedded",
      domainName: "127.0.0.1",
      domainPrefix: "127",
      http: {
        method: route.method,
        path: url.pathname,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: "127.0.0.1",
        userAgent: request.headers["user-agent"] ?? "",
      },
      requestId: `embedded-${now}`,
      routeKey,
      stage: "$default",
      time: new Date(now).toISOString(),
      timeEpoch: now,
    },
    ...(body.length > 0 ? { body: body.toString("base64") } : {}),
    isBase64Encoded: true,
  };
}

function send(response: ServerResponse, result: APIGatewayProxyStructuredResultV2): void {
  const { statusCode = 200, headers = {}, body = "", isBase64Encoded = false } = result;
  // A body that we stopped reading cannot be followed by another request on the same connection.
  if (statusCode === 413) response.setHeader("connection", "close");
  response.writeHead(
    statusCode,
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
  );
  response.end(isBase64Encoded ? Buffer.from(body, "base64") : body);
}
