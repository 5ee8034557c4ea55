/** A request's body as the SDK sends it: plain or in signed chunks, with the checksum that it adds by default. */
import type { IncomingMessage } from "node:http";
import { crc32 } from "node:zlib";

/** What S3 would refuse, with its code. */
export class S3Fault extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Bytes; a batch of Lambda's has at most 6 MB. */
const LONGEST = 64 * 1024 * 1024;

/** The object's bytes. Throws where they are not what their sender's checksum says. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const raw = await readAll(request);
  const { headers } = request;
  const isChunked = String(headers["content-encoding"] ?? "").includes("aws-chunked");
  const { body, trailers } = isChunked ? unchunk(raw) : { body: raw, trailers: new Map<string, string>() };
  const decoded = headers["x-amz-decoded-content-length"];
  if (decoded !== undefined && Number(decoded) !== body.length)
    throw new S3Fault(400, "IncompleteBody", "The body has another length than its request says");
  const sum = trailers.get(CHECKSUM) ?? headers[CHECKSUM];
  const other = Object.keys(headers).find(
    (name) => /^x-amz-checksum-(crc32c|crc64nvme|sha1|sha256)$/.test(name) || name === "content-md5",
  );
  if (other !== undefined)
    throw new S3Fault(501, "NotImplemented", `The development S3 cannot check ${other}`);
  if (sum === undefined && headers["x-amz-trailer"] !== undefined)
    throw new S3Fault(400, "IncompleteBody", "The body ends without the checksum that it announces");
  if (sum !== undefined && String(sum) !== checksumOf(body))
    throw new S3Fault(400, "BadDigest", "The CRC32 you specified did not match the calculated checksum.");
  return body;
}

/** CRC-32 in base64, as S3 writes it. */
export function checksumOf(body: Uint8Array): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return sum.toString("base64");
}

const CHECKSUM = "x-amz-checksum-crc32";

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST)
      throw new S3Fault(400, "EntityTooLarge", `The body is longer than ${LONGEST} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** `size[;chunk-signature=…]\r\n bytes \r\n … 0\r\n trailer:value\r\n \r\n` */
function unchunk(raw: Buffer): { readonly body: Buffer; readonly trailers: ReadonlyMap<string, string> } {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const end = raw.indexOf("\r\n", at);
    const size = Number.parseInt(raw.subarray(at, Math.max(at, end)).toString("latin1"), 16);
    if (end < 0 || Number.isNaN(size))
      throw new S3Fault(400, "IncompleteBody", "A chunk's length cannot be read");
    at = end + 2;
    if (size === 0) break;
    if (at + size + 2 > raw.length) throw new S3Fault(400, "IncompleteBody", "The body ends within a chunk");
    parts.push(raw.subarray(at, at + size));
    at += size + 2;
  }
  const lines = raw.subarray(at).toString("latin1").split("\r\n");
  const trailers = lines
    .filter((line) => line.includes(":"))
    .map(
      (line) =>
        [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()] as const,
    );
  return { body: Buffer.concat(parts), trailers: new Map(trailers) };
}
