/** A command line is read strictly: what is not understood is a fault that says which part. */
import { type ParseArgsConfig, parseArgs } from "node:util";

/** The command line was not understood; the message says which part. */
export class UsageFault extends Error {
  override readonly name = "UsageFault";
}

/** What Node's own parser reads. Throws a `UsageFault` with its first sentence. */
export function parseStrictly<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    // What Node adds after its first sentence is about command lines in general.
    throw new UsageFault(error instanceof Error ? (error.message.split(". ", 1)[0] ?? "") : String(error));
  }
}
