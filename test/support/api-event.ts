/** API Gateway's v2 events as HTTP APIs send them to a function. */
import { routes, SEALED_MEDIA_TYPE } from "@lepta/lambdas";
import type { APIGatewayProxyEventV2 } from "aws-lambda";

/** A route by its name, as in `"POST /enrol"`. */
export function routeOf(name: string) {
  const route = routes.find((each) => `${each.method} ${each.path}` === name);
  if (route === undefined) throw new Error(`there is no route ${name}`);
  return route;
}

/** The event of a request with these bytes; binary bodies travel in base64. */
export function apiEvent(
  name: string,
  body: Uint8Array = new Uint8Array(0),
  contentType: string | undefined = SEALED_MEDIA_TYPE,
): APIGatewayProxyEventV2 {
  const { method, path } = routeOf(name);
  return {
    version: "2.0",
    routeKey: name,
    rawPath: path,
    rawQueryString: "",
    headers: {
      host: "pay.example.org",
      "user-agent": "lepta-test",
      "content-length": String(body.length),
      ...(contentType === undefined ? {} : { "content-type": contentType }),
    },
    requestContext: {
      accountId: "123456789012",
      apiId: "a1b2c3d4e5",
      domainName: "pay.example.org",
      domainPrefix: "pay",
      http: {
        method,
        path,
        protocol: "HTTP/1.1",
        sourceIp: "192.0.2.1",
        userAgent: "lepta-test",
      },
      requestId: "JKJaXmPLvHcESHA=",
      routeKey: name,
      stage: "$default",
      time: "01/Jan/2027:00:00:00 +0000",
      timeEpoch: 1798761600000,
    },
    ...(body.length > 0 ? { body: Buffer.from(body).toString("base64") } : {}),
    isBase64Encoded: true,
  };
}
