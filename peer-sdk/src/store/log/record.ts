/** What every log asks of a record. */
import { LeptaError, limits } from "@lepta/protocol/core";

/** Throws `internal` where it is none: an empty one could not be told from a disk that was never written to. */
export function checkRecord({ length }: Uint8Array): void {
  if (length < 1 || length > limits.logRecordBytes)
    throw new LeptaError("internal", `a record of ${length} bytes`);
}

/** Throws `internal` where a log cannot have this name. */
export function checkName(name: string): void {
  if (!/^[a-z]{1,32}$/.test(name)) throw new LeptaError("internal", `a log named ${name}`);
}
