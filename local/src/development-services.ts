/**
 * Stand-ins for AWS Lambda and for SSM's parameters on one loopback port, as far as `lepta-admin` asks them: functions
 * are invoked and described, parameters are read. Who reaches the port may do all of it, so only this machine does.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listen } from "./loopback.ts";

/** A function behind the Lambda API. */
export interface DevelopmentFunction {
  /** An exception becomes a `FunctionError`, as in Lambda. */
  readonly invoke: (event: unknown) => Promise<unknown>;
  readonly memoryMiB: number;
  readonly timeoutSeconds: number;
  readonly variables: Readonly<Record<string, string>>;
}

export interface DevelopmentServices {
  /** For `AWS_ENDPOINT_URL_LAMBDA` and `AWS_ENDPOINT_URL_SSM`. */
  readonly url: string;
  close(): Promise<void>;
}

export interface Served {
  /** By physical name. */
  readonly functions: ReadonlyMap<string, DevelopmentFunction>;
  readonly parameters: ReadonlyMap<string, string>;
}

/** The longest event, in bytes: Lambda's own limit. */
const BODY_LIMIT = 6 * 1024 * 1024;
const LIMITS = { requestTimeout: 10_000, headersTimeout: 10_000, keepAliveTimeout: 60_000 };

/** Starts both on 127.0.0.1, on a free port. */
export async function startDevelopmentServices(served: Served): Promise<DevelopmentServices> {
  const server = createServer(LIMITS, (request, response) => {
    answer(request, served).then(
      (reply) => send(response, reply),
      (error: unknown) =>
        send(response, fault(500, "ServiceException", error instanceof Error ? error.name : "a fault")),
    );
  });
  return listen(server, 0);
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function answer(request: IncomingMessage, served: Served): Promise<Reply> {
  const body = await readBody(request);
  // A web page whose name was rebound to 127.0.0.1 reaches this port too, but cannot forge the Host header.
  const host = (request.headers.host ?? "").replace(/:\d+$/, "");
  if (host !== "127.0.0.1" && host !== "localhost")
    return fault(403, "AccessDeniedException", "The stand-ins answer only to 127.0.0.1 and localhost");
  // Any page may send a plain POST to 127.0.0.1 itself, which no preflight stops; a browser then says where it comes from.
  if (request.headers.origin !== undefined)
    return fault(403, "AccessDeniedException", "The stand-ins do not answer to web pages");
  if (body === undefined)
    return fault(413, "RequestTooLargeException", `The body is longer than ${BODY_LIMIT} bytes`);
  const target = request.headers["x-amz-target"];
  if (target !== undefined) return parameter(String(target), body, served);
  const path = FUNCTION_PATH.exec(URL.parse(request.url ?? "/", "http://127.0.0.1")?.pathname ?? "");
  const name = decodeURIComponent(path?.[1] ?? "");
  const asked = `${request.method} ${path?.[2]}`;
  if (asked !== "POST invocations" && asked !== "GET configuration")
    return fault(404, "UnknownOperationException", "The development Lambda has no such operation");
  const found = served.functions.get(name);
  if (found === undefined) return fault(404, "ResourceNotFoundException", `Function not found: ${name}`);
  return asked === "GET configuration" ? describe(name, found) : invoke(found, request, body);
}

const FUNCTION_PATH = /^\/2015-03-31\/functions\/([^/]+)\/(invocations|configuration)$/;

async function invoke(
  { invoke: run }: DevelopmentFunction,
  request: IncomingMessage,
  body: string,
): Promise<Reply> {
  const kind = request.headers["x-amz-invocation-type"] ?? "RequestResponse";
  if (kind !== "RequestResponse")
    return fault(400, "InvalidParameterValueException", "The development Lambda only waits for answers");
  let event: unknown;
  try {
    event = body === "" ? {} : JSON.parse(body);
  } catch {
    return fault(400, "InvalidRequestContentException", "Could not parse request body into json");
  }
  const version = { "x-amz-executed-version": "$LATEST" };
  try {
    return json(200, (await run(event)) ?? null, version);
  } catch (error) {
    const [errorType, errorMessage] =
      error instanceof Error ? [error.name, error.message] : ["Error", String(error)];
    return json(200, { errorType, errorMessage }, { ...version, "x-amz-function-error": "Unhandled" });
  }
}

const describe = (name: string, found: DevelopmentFunction): Reply =>
  json(200, {
    FunctionName: name,
    FunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
    Runtime: "nodejs24.x",
    Architectures: ["arm64"],
    PackageType: "Zip",
    MemorySize: found.memoryMiB,
    Timeout: found.timeoutSeconds,
    State: "Active",
    LastUpdateStatus: "Successful",
    Environment: { Variables: found.variables },
  });

function parameter(target: string, body: string, { parameters }: Served): Reply {
  if (target !== "AmazonSSM.GetParameter")
    return fault(400, "UnknownOperationException", `The development SSM has no operation ${target}`);
  const name = nameIn(body);
  if (name === undefined) return fault(400, "ValidationException", "The request names no parameter");
  const value = parameters.get(name);
  if (value === undefined) return fault(400, "ParameterNotFound", `There is no parameter ${name}`);
  const ARN = `arn:aws:ssm:us-east-1:000000000000:parameter${name}`;
  return json(200, {
    Parameter: { Name: name, Type: "String", Value: value, Version: 1, ARN, DataType: "text" },
  });
}

function nameIn(body: string): string | undefined {
  try {
    const { Name } = JSON.parse(body) as { readonly Name?: unknown };
    return typeof Name === "string" ? Name : undefined;
  } catch {
    return undefined;
  }
}

/** The body is read to its end, so that the answer reaches a client that still sends; undefined where it is too long. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= BODY_LIMIT) chunks.push(chunk);
  }
  return size > BODY_LIMIT ? undefined : Buffer.concat(chunks).toString("utf8");
}

/** An AWS error, as the JSON protocols name it: in the body for SSM, in a header for Lambda. */
const fault = (status: number, type: string, message: string): Reply =>
  json(status, { __type: type, Type: "User", message, Message: message }, { "x-amzn-errortype": type });

const json = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(value),
});

function send(response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
  response.end(body);
}
