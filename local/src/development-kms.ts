// A stand-in for AWS KMS on loopback: the JSON protocol the AWS SDK speaks, over keys kept in one local file.
// It protects nothing from whoever can read that file; it exists so that the broker runs its production code.
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { KeyRing } from "./kms/key-ring.ts";
import { type KmsOperation, kmsOperations } from "./kms/operations.ts";
import { KmsFault, KmsRequest } from "./kms/request.ts";
import { listen } from "./loopback.ts";

/** A running development KMS: its `url` for `AWS_ENDPOINT_URL_KMS`, and how often each operation was requested. */
export interface DevelopmentKms {
  readonly url: string;
  /** Requests received per operation since the start (failed ones included), kept current; unrequested: absent. */
  readonly calls: ReadonlyMap<string, number>;
  /** Stops listening and drops open connections; later calls give the same promise. */
  close(): Promise<void>;
}

/**
 * Starts a development KMS on 127.0.0.1 (a free port by default) over the keys in `file`, which is created with
 * its first key; `now` is in milliseconds. Rejects if the file is damaged or the port is taken.
 */
export async function startDevelopmentKms(options: {
  file: string;
  port?: number;
  now?: () => number;
}): Promise<DevelopmentKms> {
  const ring = new KeyRing(options.file, options.now ?? Date.now);
  const calls = new Map<string, number>();
  // Idle connections outlive the pauses of a test or a demonstration, so that the SDK never reuses one just as
  // this side closes it.
  const limits = { requestTimeout: 10_000, headersTimeout: 10_000, keepAliveTimeout: 60_000 };
  const server = createServer(limits, (request, response) => {
    void answer(request, response, ring, calls);
  });
  return { calls, ...(await listen(server, options.port ?? 0)) };
}

const bodyLimit = 64 * 1024;
const targetPrefix = "TrentService.";

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  ring: KeyRing,
  calls: Map<string, number>,
): Promise<void> {
  try {
    const operation = route(request, calls);
    const body = await readBody(request);
    reply(response, 200, operation(new KmsRequest(body), ring));
  } catch (error) {
    if (error instanceof KmsFault) {
      reply(response, 400, { __type: error.type, message: error.message });
    } else {
      // Anything else is ours, such as a key file that cannot be written; the caller is told what it was.
      reply(response, 500, { __type: "KMSInternalException", message: String(error) });
    }
  }
}

function route(request: IncomingMessage, calls: Map<string, number>): KmsOperation {
  // A web page whose name was rebound to 127.0.0.1 reaches this port too, but cannot forge the Host header.
  const host = (request.headers.host ?? "").replace(/:\d+$/, "");
  if (host !== "127.0.0.1" && host !== "localhost") {
    throw new KmsFault(
      "AccessDeniedException",
      "The development KMS answers only to 127.0.0.1 and localhost",
    );
  }
  const target = String(request.headers["x-amz-target"] ?? "");
  const name = target.startsWith(targetPrefix) ? target.slice(targetPrefix.length) : "";
  const operation = kmsOperations.get(name);
  if (operation === undefined) {
    throw new KmsFault("UnsupportedOperationException", `The development KMS has no operation "${target}"`);
  }
  calls.set(name, (calls.get(name) ?? 0) + 1);
  return operation;
}

/** The body is always read to its end, so that the answer reaches a client still sending; only its start is kept. */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= bodyLimit) chunks.push(chunk);
  }
  if (size > bodyLimit) {
    throw new KmsFault("ValidationException", `The request body is longer than ${bodyLimit} bytes`);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function reply(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/x-amz-json-1.1",
    "content-length": Buffer.byteLength(text),
    "x-amzn-requestid": randomUUID(),
  });
  response.end(text);
}
