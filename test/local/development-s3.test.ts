/** The stand-in for S3, through the real SDK and, where a client misbehaves, by hand. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { standIn } from "@lepta/lambdas";
import { type DevelopmentS3, startDevelopmentS3 } from "@lepta/local/development-s3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { seededRandom } from "../support/runtime.ts";

const Bucket = "bucket";
let home: string;
let dir: string;
let s3: DevelopmentS3;
let client: S3Client;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "lepta-s3-"));
  dir = join(home, "inner", "s3");
  await open();
});
afterEach(async () => {
  await close();
  await rm(home, { recursive: true });
});

async function open(): Promise<void> {
  s3 = await startDevelopmentS3({ dir });
  client = new S3Client({ ...standIn(s3.url), forcePathStyle: true, maxAttempts: 1 });
}
async function close(): Promise<void> {
  client.destroy();
  await s3.close();
}

const put = (Key: string, Body: string | Uint8Array = "x") =>
  client.send(new PutObjectCommand({ Bucket, Key, Body }));
const get = async (Key: string): Promise<string | undefined> =>
  (await client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();
const list = async (options: Partial<ConstructorParameters<typeof ListObjectsV2Command>[0]> = {}) => {
  const page = await client.send(new ListObjectsV2Command({ Bucket, ...options }));
  return { ...page, keys: (page.Contents ?? []).map(({ Key }) => Key) };
};

describe("the development S3", () => {
  test("gives back what was put, the latest of it, also after a restart", async () => {
    await put("a/b", "old");
    await put("a/b", "new ü");
    await close();
    await open();
    expect(await get("a/b")).toBe("new ü");
  });

  test("keeps an object of 5 MB whole", async () => {
    const body = seededRandom("large")(5 * 1024 * 1024);
    await put("large", body);
    const { Body, ContentLength } = await client.send(new GetObjectCommand({ Bucket, Key: "large" }));
    expect(ContentLength).toBe(body.length);
    expect(Buffer.compare((await Body?.transformToByteArray()) ?? new Uint8Array(), body)).toBe(0);
  });

  test("tells an object's length without its bytes", async () => {
    await put("a", "four");
    expect((await client.send(new HeadObjectCommand({ Bucket, Key: "a" }))).ContentLength).toBe(4);
    await expect(client.send(new HeadObjectCommand({ Bucket, Key: "b" }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 404 },
    });
  });

  test("an object that is not there is NoSuchKey", async () => {
    await expect(get("nothing")).rejects.toMatchObject({ name: "NoSuchKey" });
  });

  test.each([
    "..",
    "../..",
    "../../escaped",
    "/etc/passwd",
    "a/../../../b",
    ".",
    "a//b",
    "a/",
    "%2e%2e/x",
    "*",
    "%o",
    "a%d/b%o",
  ])("a key %s is a name and no path", async (key) => {
    await put(key, `what ${key} is`);
    expect(await get(key)).toBe(`what ${key} is`);
    expect((await list()).keys).toEqual([key]);
    // Nothing beside the directory, and nothing above it.
    expect(await readdir(home)).toEqual(["inner"]);
    expect(await readdir(join(home, "inner"))).toEqual(["s3"]);
    expect(await readdir(dir)).toEqual([Bucket]);
  });

  test.each(["/../x", "/..%2Fx/y", "/%2e%2e/x", "//x", "/A/x"])("a bucket %s is refused", async (path) => {
    // By hand: the SDK and fetch would resolve the path before they send it.
    const { request } = await import("node:http");
    const status = await new Promise((resolve, reject) => {
      const { port } = new URL(s3.url);
      const sent = request({ port, host: "127.0.0.1", path, method: "PUT" }, (response) => {
        response.resume().once("end", () => resolve(response.statusCode));
      });
      sent.once("error", reject).end("x");
    });
    expect(status).toBe(400);
    expect(await readdir(home)).toEqual([]);
  });

  test("a key can be both an object and the beginning of others", async () => {
    await put("a", "object");
    await put("a/b", "below");
    expect([await get("a"), await get("a/b")]).toEqual(["object", "below"]);
    expect((await list()).keys).toEqual(["a", "a/b"]);
  });

  test("a key that no file can be named after is refused", async () => {
    await expect(put("x".repeat(300))).rejects.toMatchObject({ name: "KeyTooLongError" });
    await expect(put("a\u0001b")).rejects.toMatchObject({ name: "InvalidArgument" });
  });

  test("lists in the order of the keys' bytes, those with a prefix, behind a key", async () => {
    const keys = ["a", "a/1", "a/2", "a0", "b/1", "é", `${"\u{ffff}".slice(0, 0)}\u{ff5e}`, "\u{1f600}"];
    for (const key of [...keys].reverse()) await put(key);
    expect((await list()).keys).toEqual(
      [...keys].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y))),
    );
    expect((await list({ Prefix: "a" })).keys).toEqual(["a", "a/1", "a/2", "a0"]);
    expect((await list({ Prefix: "a/" })).keys).toEqual(["a/1", "a/2"]);
    expect((await list({ Prefix: "a/", StartAfter: "a/1" })).keys).toEqual(["a/2"]);
    expect((await list({ Prefix: "a/", StartAfter: "a/" })).keys).toEqual(["a/1", "a/2"]);
    expect((await list({ Prefix: "nothing/" })).keys).toEqual([]);
    expect((await list({ Prefix: "../" })).keys).toEqual([]);
  });

  test("lists page after page, each key once", async () => {
    const keys = Array.from({ length: 7 }, (_, i) => `k/${i}`);
    for (const key of keys) await put(key);
    const found: (string | undefined)[] = [];
    let token: string | undefined;
    let pages = 0;
    do {
      const page = await list({ Prefix: "k/", MaxKeys: 3, ...(token ? { ContinuationToken: token } : {}) });
      found.push(...page.keys);
      token = page.NextContinuationToken;
      expect(page.IsTruncated).toBe(token !== undefined);
      pages += 1;
    } while (token !== undefined);
    expect([found, pages]).toEqual([keys, 3]);
    expect((await list({ Prefix: "k/", MaxKeys: 7 })).IsTruncated).toBe(false);
  });

  test("keys with XML's signs are listed as they are", async () => {
    await put(`<&>"'`);
    expect((await list()).keys).toEqual([`<&>"'`]);
  });

  test("takes a stream in chunks with its checksum behind it", async () => {
    const text = "streamed ".repeat(20_000);
    await client.send(
      new PutObjectCommand({ Bucket, Key: "s", Body: Readable.from([text]), ContentLength: text.length }),
    );
    expect(await get("s")).toBe(text);
  });

  test("refuses a body that is not what its checksum says, and keeps nothing of it", async () => {
    const wrong = new PutObjectCommand({ Bucket, Key: "a", Body: "altered", ChecksumCRC32: "AAAAAA==" });
    await expect(client.send(wrong)).rejects.toMatchObject({ name: "BadDigest" });
    await expect(get("a")).rejects.toMatchObject({ name: "NoSuchKey" });
  });

  test.each<[what: string, method: string, path: string, headers: Record<string, string>]>([
    ["a deletion", "DELETE", "/bucket/a", {}],
    ["a copy", "PUT", "/bucket/a", { "x-amz-copy-source": "/bucket/b" }],
    ["a part of an upload", "PUT", "/bucket/a?partNumber=1&uploadId=x", {}],
    ["a range", "GET", "/bucket/a", { range: "bytes=0-1" }],
    ["a list by delimiter", "GET", "/bucket?list-type=2&delimiter=/", {}],
    ["a checksum of another kind", "PUT", "/bucket/a", { "x-amz-checksum-sha256": "AAAA" }],
  ])("says that it cannot do %s", async (_, method, path, headers) => {
    const response = await fetch(s3.url + path, { method, headers });
    expect(response.status).toBe(501);
    expect(await response.text()).toContain("NotImplemented");
  });

  test("answers no web page whose name was bound to this machine", async () => {
    const { request } = await import("node:http");
    const status = await new Promise((resolve, reject) => {
      const { port } = new URL(s3.url);
      const headers = { host: "evil.example" };
      const sent = request({ port, host: "127.0.0.1", path: "/bucket/a", headers }, (response) => {
        response.resume().once("end", () => resolve(response.statusCode));
      });
      sent.once("error", reject).end();
    });
    expect(status).toBe(403);
  });
});
