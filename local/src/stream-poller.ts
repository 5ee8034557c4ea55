/** Lambda's part between the table's stream and the function `journal`: batches in order, each until it is taken. */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { DescribeTableCommand, type DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type Shard,
  type _Record as StreamRecord,
  TrimmedDataAccessException,
} from "@aws-sdk/client-dynamodb-streams";
import type { AttributeValue, DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";

export interface StreamPollerOptions {
  readonly dynamoDb: DynamoDBClient;
  readonly streams: DynamoDBStreamsClient;
  readonly table: string;
  /** Keeps how far the stream has been handed over. */
  readonly file: string;
  /** The function; a batch that it throws at is handed over again. */
  readonly deliver: (event: DynamoDBStreamEvent) => Promise<unknown>;
  /** Records in one batch; 1000 by default, the most that the stream gives at once. */
  readonly batch?: number;
}

export interface StreamPoller {
  /** Hands over all that was written before this call. Rejects with what the function threw; nothing is lost then. */
  drain(): Promise<void>;
}

/** A poller that goes on where the last one on this file left off: what was handed over twice is known to the journal. */
export function streamPoller(options: StreamPollerOptions): StreamPoller {
  let running: Promise<unknown> = Promise.resolve();
  return {
    drain: () => {
      // One turn at a time: two would hand over the same records in another order.
      const turn = running.then(() => handOver(options));
      running = turn.catch(() => undefined);
      return turn;
    },
  };
}

/** Reads in one turn: what is written meanwhile is the next turn's. */
const MOST_READS = 100_000;
const BATCH = 1000;

/** The last sequence number of each shard that the function took; of one stream. */
interface Position {
  readonly stream: string;
  readonly shards: Record<string, string>;
}

async function handOver(options: StreamPollerOptions): Promise<void> {
  const { dynamoDb, streams, table, file } = options;
  const { Table } = await dynamoDb.send(new DescribeTableCommand({ TableName: table }));
  const stream = Table?.LatestStreamArn;
  if (stream === undefined)
    throw new Error(`the table ${table} has no stream: nothing of it can be journalled`);
  const known = await readPosition(file);
  const position: Position = known?.stream === stream ? known : { stream, shards: {} };
  const shards = await shardsOf(streams, stream);
  for (const name of Object.keys(position.shards))
    if (!shards.some(({ ShardId }) => ShardId === name)) delete position.shards[name];
  const finished = new Set<string>();
  let reads = 0;
  // A shard's records come behind those of the shard that it was split from.
  for (const shard of parentsFirst(shards)) {
    const { ShardId = "", ParentShardId = "" } = shard;
    const waits = shards.some((each) => each.ShardId === ParentShardId) && !finished.has(ParentShardId);
    if (waits) continue;
    let iterator = await iteratorOf(streams, position, ShardId);
    while (iterator !== undefined) {
      if (reads >= MOST_READS) return;
      reads += 1;
      const { Records = [], NextShardIterator } = await streams.send(
        new GetRecordsCommand({ ShardIterator: iterator, Limit: options.batch ?? BATCH }),
      );
      const last = Records.at(-1)?.dynamodb?.SequenceNumber;
      if (last !== undefined) {
        await options.deliver({ Records: Records.map((record) => toLambda(record, stream)) });
        position.shards[ShardId] = last;
        await writePosition(file, position);
      } else if (NextShardIterator !== undefined) break;
      iterator = NextShardIterator;
    }
    if (iterator === undefined) finished.add(ShardId);
  }
}

const SHARD_PAGES = 1000;

async function shardsOf(streams: DynamoDBStreamsClient, stream: string): Promise<readonly Shard[]> {
  const shards: Shard[] = [];
  let after: string | undefined;
  for (let page = 0; page < SHARD_PAGES; page += 1) {
    const { StreamDescription } = await streams.send(
      new DescribeStreamCommand({
        StreamArn: stream,
        ...(after === undefined ? {} : { ExclusiveStartShardId: after }),
      }),
    );
    shards.push(...(StreamDescription?.Shards ?? []));
    after = StreamDescription?.LastEvaluatedShardId;
    if (after === undefined) return shards;
  }
  throw new Error("the stream has more shards than can be read");
}

function parentsFirst(shards: readonly Shard[]): readonly Shard[] {
  const ordered = new Map<string, Shard>();
  const add = (shard: Shard): void => {
    const parent = shards.find(({ ShardId }) => ShardId !== undefined && ShardId === shard.ParentShardId);
    if (parent?.ShardId !== undefined && !ordered.has(parent.ShardId)) add(parent);
    ordered.set(shard.ShardId ?? "", shard);
  };
  for (const shard of shards) add(shard);
  return [...ordered.values()];
}

async function iteratorOf(
  streams: DynamoDBStreamsClient,
  { stream, shards }: Position,
  shard: string,
): Promise<string | undefined> {
  const base = { StreamArn: stream, ShardId: shard };
  const oldest = { ...base, ShardIteratorType: "TRIM_HORIZON" } as const;
  const after = shards[shard];
  try {
    const { ShardIterator } = await streams.send(
      new GetShardIteratorCommand(
        after === undefined
          ? oldest
          : { ...base, ShardIteratorType: "AFTER_SEQUENCE_NUMBER", SequenceNumber: after },
      ),
    );
    return ShardIterator;
  } catch (error) {
    if (!(error instanceof TrimmedDataAccessException)) throw error;
    process.stderr.write("journal: the stream no longer has what was written last; the journal has a gap\n");
    return (await streams.send(new GetShardIteratorCommand(oldest))).ShardIterator;
  }
}

/** As Lambda writes it: seconds, bytes in base64. */
function toLambda({ dynamodb, eventName, eventID }: StreamRecord, stream: string): DynamoDBRecord {
  const { ApproximateCreationDateTime: at, Keys, NewImage, SequenceNumber } = dynamodb ?? {};
  return {
    ...(eventID === undefined ? {} : { eventID }),
    ...(eventName === undefined ? {} : { eventName }),
    eventVersion: "1.1",
    eventSource: "aws:dynamodb",
    eventSourceARN: stream,
    dynamodb: {
      ...(at === undefined ? {} : { ApproximateCreationDateTime: at.getTime() / 1000 }),
      ...(Keys === undefined ? {} : { Keys: inBase64(Keys) }),
      ...(NewImage === undefined ? {} : { NewImage: inBase64(NewImage) }),
      ...(SequenceNumber === undefined ? {} : { SequenceNumber }),
      StreamViewType: "NEW_IMAGE",
    },
  };
}

type Image = NonNullable<NonNullable<StreamRecord["dynamodb"]>["NewImage"]>;

const inBase64 = (image: Image): Record<string, AttributeValue> =>
  Object.fromEntries(
    Object.entries(image).map(([name, value]) => [
      name,
      (value.B === undefined ? value : { B: Buffer.from(value.B).toString("base64") }) as AttributeValue,
    ]),
  );

/** Undefined where nothing was handed over yet, or nobody can tell: then all is handed over again. */
async function readPosition(file: string): Promise<Position | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Position;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function writePosition(file: string, position: Position): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = await open(`${file}.new`, "w", 0o600);
  try {
    await fresh.writeFile(JSON.stringify(position));
  } finally {
    await fresh.close();
  }
  await rename(`${file}.new`, file);
}
