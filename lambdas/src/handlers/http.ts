/** HTTP in front of the pipeline: an API Gateway v2 event in, bytes or a typed error out. Errors have one shape. */
import {
  ERROR_MEDIA_TYPE,
  type ErrorCode,
  encodeAs,
  errorCodec,
  errors,
  isRefusal,
  type Or,
  refuse,
} from "@lepta/protocol";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { StoreBusy } from "../ports/store.ts";
import { type Route, routes } from "../routes.ts";
import { log } from "./log.ts";

export type HttpHandler = (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>;

/** What answers behind one route. */
export type Door = (body: Uint8Array) => Promise<Or<Uint8Array>>;

/** The media type of everything sealed. */
export const SEALED_MEDIA_TYPE = 'application/cose; cose-type="cose-encrypt"';
export const KEYS_MEDIA_TYPE = "application/lepta.broker-keys+cbor";

/** A handler for the routes of one function, by `"POST /path"`. */
export function httpHandler(doors: Readonly<Record<string, Door>>): HttpHandler {
  return async (event) => {
    const name = event.routeKey;
    const door = doors[name];
    const route = routes.find((each) => `${each.method} ${each.path}` === name);
    if (door === undefined || route === undefined) return errorResponse("not-found");
    const answer = await answered(door, route, event);
    log({ route: name, outcome: isRefusal(answer) ? answer.code : "answered" });
    if (isRefusal(answer)) return errorResponse(answer.code);
    return response(200, route.method === "GET" ? KEYS_MEDIA_TYPE : SEALED_MEDIA_TYPE, answer);
  };
}

/** The one shape of every error that is not a signed answer. */
export const errorResponse = (code: ErrorCode): APIGatewayProxyStructuredResultV2 =>
  response(errors[code].status, ERROR_MEDIA_TYPE, encodeAs(errorCodec, { version: 1, type: "error", code }));

async function answered(door: Door, route: Route, event: APIGatewayProxyEventV2): Promise<Or<Uint8Array>> {
  const body = readBody(route, event);
  if (isRefusal(body)) return body;
  try {
    return await door(body);
  } catch (error) {
    if (error instanceof StoreBusy) return refuse("busy");
    log({ route: `${route.method} ${route.path}`, outcome: "internal", fault: describe(error) });
    return refuse("internal");
  }
}

function readBody(route: Route, event: APIGatewayProxyEventV2): Or<Uint8Array> {
  if (route.method === "GET") return new Uint8Array(0);
  const contentType = event.headers["content-type"] ?? "";
  if (contentType.split(";")[0]?.trim().toLowerCase() !== "application/cose")
    return refuse("unsupported-media");
  const body = event.isBase64Encoded
    ? Buffer.from(event.body ?? "", "base64")
    : Buffer.from(event.body ?? "");
  return body.length > route.bodyLimit ? refuse("too-large") : new Uint8Array(body);
}

const response = (
  statusCode: number,
  contentType: string,
  body: Uint8Array,
): APIGatewayProxyStructuredResultV2 => ({
  statusCode,
  headers: { "content-type": contentType, "cache-control": "no-store" },
  body: Buffer.from(body).toString("base64"),
  isBase64Encoded: true,
});

/** Our own faults are told by kind and place; a message could quote what it choked on. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const place = error.stack?.split("\n").find((line) => line.trimStart().startsWith("at ")) ?? "";
  return `${error.name} ${place.trim().replace(/\(.*[\\/]/, "(")}`;
}
