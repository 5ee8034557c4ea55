/** HTTP in front of the pipeline: an API Gateway v2 event in, bytes or a typed error out. Errors have one shape. */
import {
  ERROR_MEDIA_TYPE,
  type ErrorCode,
  encodeAs,
  errorCodec,
  errors,
  isRefusal,
  type Or,
  type Refusal,
  refuse,
} from "@lepta/protocol";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { describe } from "../log.ts";
import { tellRefusal } from "../pipeline/tell.ts";
import type { Observer } from "../ports/observer.ts";
import { StoreBusy } from "../ports/store.ts";
import { type Route, routes } from "../routes.ts";
import { requestIdOf } from "./request-id.ts";

export type HttpHandler = (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>;

/** What answers behind one route. */
export type Door = (body: Uint8Array) => Promise<Or<Uint8Array>>;

/** The media type of everything sealed. */
export const SEALED_MEDIA_TYPE = 'application/cose; cose-type="cose-encrypt"';
export const KEYS_MEDIA_TYPE = "application/lepta.broker-keys+cbor";

/** A handler for the routes of one function, by `"POST /path"`. */
export function httpHandler(observer: Observer, doors: Readonly<Record<string, Door>>): HttpHandler {
  return (event) => {
    const name = event.routeKey;
    const door = doors[name];
    const route = routes.find((each) => `${each.method} ${each.path}` === name);
    // What has no door has no name of ours either.
    if (door === undefined || route === undefined)
      return observer.invocation("not-found", async () => {
        tellRefusal(observer, "not-found");
        return errorResponse("not-found");
      });
    return observer.invocation(name, async () => {
      const answer = await answered(observer, door, route, event);
      if (isRefusal(answer)) return errorResponse(answer.code);
      return response(200, route.method === "GET" ? KEYS_MEDIA_TYPE : SEALED_MEDIA_TYPE, answer);
    });
  };
}

/** The one shape of every error that is not a signed answer. */
export const errorResponse = (code: ErrorCode): APIGatewayProxyStructuredResultV2 =>
  response(errors[code].status, ERROR_MEDIA_TYPE, encodeAs(errorCodec, { version: 1, type: "error", code }));

/** The door's answer, told: a refusal by its code, what failed by kind and place. */
async function answered(
  observer: Observer,
  door: Door,
  { method, path, bodyLimit }: Route,
  event: APIGatewayProxyEventV2,
): Promise<Or<Uint8Array>> {
  const about = { route: `${method} ${path}`, ...requestIdOf(event) };
  try {
    const body = readBody({ method, bodyLimit }, event);
    const answer = isRefusal(body) ? body : await door(body);
    return isRefusal(answer) ? refused(answer) : answer;
  } catch (error) {
    if (error instanceof StoreBusy) return refused(refuse("busy"));
    observer.count("faults", 1);
    observer.log({ ...about, outcome: "internal", fault: describe(error) });
    return refuse("internal");
  }

  function refused(refusal: Refusal): Refusal {
    tellRefusal(observer, refusal.code);
    observer.log({ ...about, outcome: refusal.code });
    return refusal;
  }
}

function readBody(route: Pick<Route, "method" | "bodyLimit">, event: APIGatewayProxyEventV2): Or<Uint8Array> {
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
