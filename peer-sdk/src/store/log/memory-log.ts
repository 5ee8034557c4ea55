/** A log in memory: what is appended is there as long as the store is. */
import type { LogRecord, RecordLog } from "../../ports.ts";
import { checkRecord } from "./record.ts";

const DONE = Promise.resolve();

export class MemoryLog implements RecordLog {
  readonly #records = new Map<number, Uint8Array>();
  #position = 0;

  append(record: Uint8Array): number {
    checkRecord(record);
    this.#position += 1;
    this.#records.set(this.#position, record);
    return this.#position;
  }

  sync(): Promise<void> {
    return DONE;
  }

  release(position: number): void {
    this.#records.delete(position);
  }

  /** What nobody has let go of, in order. */
  records(): readonly LogRecord[] {
    return [...this.#records].map(([position, record]) => ({ position, record: record.slice() }));
  }
}
