/**
 * A stand-in for S3 on loopback: the four requests that the journal makes, over files in one directory. Buckets are named
 * in the path, and each is there from its first object on.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listen } from "./loopback.ts";
import { objectFiles } from "./s3/object-files.ts";
import { bodyOf, checksumOf, S3Fault } from "./s3/request.ts";

export interface DevelopmentS3 {
  /** For `AWS_ENDPOINT_URL_S3`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts on 127.0.0.1, on a free port by default. Rejects where the port is taken. */
export async function startDevelopmentS3(options: {
  readonly dir: string;
  readonly port?: number;
}): Promise<DevelopmentS3> {
  const files = objectFiles(options.dir);
  // Idle connections outlive the pauses of a test, so that the SDK never reuses one just as this side closes it.
  const limits = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 60_000 };
  const server = createServer(limits, (request, response) => {
    answer(files, request).then(
      (reply) => send(request, response, reply),
      (error: unknown) => send(request, response, faultReply(error)),
    );
  });
  return listen(server, options.port ?? 0);
}

type Files = ReturnType<typeof objectFiles>;

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

async function answer(files: Files, request: IncomingMessage): Promise<Reply> {
  // A web page whose name was rebound to 127.0.0.1 reaches this port too, but cannot forge the Host header.
  const host = (request.headers.host ?? "").replace(/:\d+$/, "");
  if (host !== "127.0.0.1" && host !== "localhost")
    throw new S3Fault(403, "AccessDenied", "The development S3 answers only to 127.0.0.1 and localhost");
  const body = await bodyOf(request);
  const { bucket, key, query } = placeOf(request.url ?? "/");
  if (key === "" && request.method === "GET" && query.get("list-type") === "2")
    return list(files, bucket, query);
  if (key === "") throw unsupported(request);
  if (request.method === "PUT") {
    // A part of an upload, a copy, tags: taking their bytes for the object's would damage it.
    if ([...query.keys()].some((name) => name !== "x-id") || request.headers["x-amz-copy-source"])
      throw unsupported(request);
    await files.put(bucket, key, body);
    return { status: 200, headers: describe(body) };
  }
  if (request.method !== "GET" && request.method !== "HEAD") throw unsupported(request);
  if (request.headers.range !== undefined) throw unsupported(request);
  const object = await files.get(bucket, key);
  if (object === undefined) throw new S3Fault(404, "NoSuchKey", "The specified key does not exist.");
  return {
    status: 200,
    headers: { ...describe(object), "content-type": "application/octet-stream" },
    body: object,
  };
}

const unsupported = ({ method }: IncomingMessage): S3Fault =>
  new S3Fault(501, "NotImplemented", `The development S3 does not do what this ${method} request asks for`);

/** The path is taken as it came: a URL parser would resolve `..` in it, which means nothing in a key. */
function placeOf(url: string) {
  const [path = "", search = ""] = url.split("?", 2);
  const [bucket = "", ...rest] = path.slice(1).split("/");
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw new S3Fault(400, "InvalidBucketName", "The specified bucket is not valid.");
  try {
    return { bucket, key: decodeURIComponent(rest.join("/")), query: new URLSearchParams(search) };
  } catch {
    throw new S3Fault(400, "InvalidURI", "The key cannot be read.");
  }
}

const MOST_KEYS = 1000;

async function list(files: Files, bucket: string, query: URLSearchParams): Promise<Reply> {
  if (query.has("delimiter"))
    throw new S3Fault(501, "NotImplemented", "The development S3 knows no delimiter");
  const asked = query.get("max-keys") ?? String(MOST_KEYS);
  if (!/^\d{1,9}$/.test(asked)) throw new S3Fault(400, "InvalidArgument", "max-keys is not a number");
  const most = Math.min(Number(asked), MOST_KEYS);
  const token = query.get("continuation-token");
  const after =
    token === null ? (query.get("start-after") ?? "") : Buffer.from(token, "base64url").toString();
  const prefix = query.get("prefix") ?? "";
  const found = await files.list(bucket, prefix, after, most + 1);
  const page = found.slice(0, most);
  const isTruncated = most > 0 && found.length > most;
  const next = isTruncated ? Buffer.from(page.at(-1)?.key ?? "").toString("base64url") : undefined;
  const contents = page.map(
    ({ key, size }) => `<Contents><Key>${escapeXml(key)}</Key><Size>${size}</Size></Contents>`,
  );
  const xml =
    `${XML}<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${bucket}</Name>` +
    `<Prefix>${escapeXml(prefix)}</Prefix><KeyCount>${page.length}</KeyCount><MaxKeys>${most}</MaxKeys>` +
    `<IsTruncated>${isTruncated}</IsTruncated>${contents.join("")}` +
    `${next === undefined ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`}</ListBucketResult>`;
  return { status: 200, headers: { "content-type": "application/xml" }, body: Buffer.from(xml) };
}

/** What the SDK checks a body by; it is computed from what was kept. */
function describe(body: Uint8Array): Readonly<Record<string, string>> {
  const sum = checksumOf(body);
  return {
    etag: `"${Buffer.from(sum, "base64").toString("hex")}-${body.length}"`,
    "x-amz-checksum-crc32": sum,
    "x-amz-checksum-type": "FULL_OBJECT",
  };
}

const XML = '<?xml version="1.0" encoding="UTF-8"?>\n';

function faultReply(error: unknown): Reply {
  const fault =
    error instanceof S3Fault
      ? error
      : new S3Fault(500, "InternalError", error instanceof Error ? error.name : "");
  const xml = `${XML}<Error><Code>${fault.code}</Code><Message>${escapeXml(fault.message)}</Message></Error>`;
  return { status: fault.status, headers: { "content-type": "application/xml" }, body: Buffer.from(xml) };
}

function send(request: IncomingMessage, response: ServerResponse, { status, headers, body }: Reply): void {
  // A body that was not read to its end cannot be followed by another request.
  if (!request.complete) response.setHeader("connection", "close");
  response.writeHead(status, { ...headers, "content-length": String(body?.length ?? 0) });
  response.end(request.method === "HEAD" ? undefined : body);
}

const escapeXml = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
