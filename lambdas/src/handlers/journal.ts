/** The function `journal`, on the table's stream: keeps what became of every item outside the table. */
import type { DynamoDBStreamEvent } from "aws-lambda";
import type { Environment } from "../environment.ts";
import { foreignAttributes, readStreamEvent } from "../journal/stream-event.ts";
import type { Journal } from "../ports/journal.ts";
import { standIn } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { type ScheduledHandler, scheduledHandler } from "./scheduled.ts";

/** What throws is delivered again by Lambda; the same batch is then the same object. */
export const createJournal: Factory<ScheduledHandler<{ readonly written: number }>> = ({
  environment,
  observer,
}) => {
  let opened: Promise<Journal> | undefined;
  return scheduledHandler(observer, "journal", async (event) => {
    const batch = readStreamEvent(event as DynamoDBStreamEvent);
    if (batch === undefined) return { written: 0 };
    opened ??= openJournal(environment);
    await (await opened).write(batch);
    const foreign = foreignAttributes(event as DynamoDBStreamEvent);
    if (foreign > 0)
      observer.log({ route: "journal", outcome: "written", fault: "attributes left out", count: foreign });
    observer.log({ route: "journal", outcome: "written", count: batch.records.length });
    return { written: batch.records.length };
  });
};

/** The deployment's journal. S3's client is loaded here, so that who needs no journal does not load it. */
export async function openJournal({ journal, s3Endpoint }: Environment): Promise<Journal> {
  if (journal === undefined) throw new Error("the environment variable LEPTA_JOURNAL is not set");
  const { s3Client, s3Journal } = await import("../aws/s3-journal.ts");
  return s3Journal(s3Client(s3Endpoint === undefined ? undefined : standIn(s3Endpoint)), journal);
}

export const handler = entry(createJournal);
