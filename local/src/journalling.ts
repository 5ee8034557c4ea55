/** The event source mapping's part: the table's stream goes to the function `journal`, now and then and a last time at the end. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import { standIn } from "@lepta/lambdas";
import type { Invocable } from "./functions/invocable.ts";
import { type StreamPoller, streamPoller } from "./stream-poller.ts";

/** Milliseconds between two looks at the table's stream. */
const POLL_EVERY = 1000;

export interface JournallingOptions {
  readonly endpoint: string;
  readonly table: string;
  /** Keeps how far the stream has been handed over. */
  readonly file: string;
  readonly deliver: Invocable;
}

/** Starts it. Closing hands over what is left. */
export function startJournalling({
  endpoint,
  table,
  file,
  deliver,
}: JournallingOptions): StreamPoller & { close(): Promise<void> } {
  const clients = {
    dynamoDb: new DynamoDBClient(standIn(endpoint)),
    streams: new DynamoDBStreamsClient(standIn(endpoint)),
  };
  const { drain } = streamPoller({ ...clients, table, file, deliver });
  // What was not handed over stays in the stream, also over a restart.
  const tell = (error: unknown): void => {
    const name = error instanceof Error ? error.name : "failed";
    process.stderr.write(`journal: ${name}, the same records are tried again\n`);
  };
  const timer = setInterval(() => void drain().catch(tell), POLL_EVERY).unref();
  return {
    drain,
    close: async (): Promise<void> => {
      clearInterval(timer);
      await drain().catch(tell);
      clients.dynamoDb.destroy();
      clients.streams.destroy();
    },
  };
}
