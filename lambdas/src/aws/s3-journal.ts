/** The journal on S3: one object for each batch, its names in the order in which S3 lists them. */
import {
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { decodeRecords, encodeRecords, hourPrefix, objectName, tablePrefix } from "../journal/encode.ts";
import type { Journal } from "../ports/journal.ts";

/** A journal in this bucket. What S3 refuses is thrown: Lambda then delivers the batch again. */
export function s3Journal(client: S3Client, bucket: string): Journal {
  return {
    write: async (batch) => {
      await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: objectName(batch),
          Body: encodeRecords(batch.records),
          ContentType: "application/gzip",
        }),
      );
    },
    list: (table, from) => listNames(client, bucket, table, from),
    read: async (name) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: name }));
      if (Body === undefined) throw new Error(`the journal's object ${name} has no content`);
      return decodeRecords(await Body.transformToByteArray());
    },
  };
}

/** S3, or what stands in for it at this endpoint; buckets are named in the path there. */
export const s3Client = (standIn?: S3ClientConfig): S3Client =>
  new S3Client(standIn === undefined ? {} : { ...standIn, forcePathStyle: true });

/** Page after page, so that a long journal is never held as a whole. */
async function* listNames(
  client: S3Client,
  bucket: string,
  table: string,
  from: number,
): AsyncIterable<string> {
  let token: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: tablePrefix(table),
        ...(token === undefined ? { StartAfter: hourPrefix(table, from) } : { ContinuationToken: token }),
      }),
    );
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key;
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}
