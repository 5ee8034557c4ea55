/** One file of a log as it is known in memory: how far it is filled, and which of its records are still needed. */
import { limits } from "@lepta/protocol";
import { HEADER, RECORD, SEAL } from "./format.ts";

export class Segment {
  readonly number: number;
  readonly path: string;
  readonly marker: Uint8Array;
  /** The position of its first record. */
  readonly first: number;
  /** Where the next group goes. */
  end = HEADER;
  /** Nothing more is written to it. */
  isSealed = false;
  #count = 0;
  readonly #released = new Set<number>();

  constructor(number: number, path: string, marker: Uint8Array, first: number) {
    this.number = number;
    this.path = path;
    this.marker = marker;
    this.first = first;
  }

  /** Whether a record has room behind a group that is not written yet. */
  hasRoom(group: number, record: number): boolean {
    return this.end + group + RECORD + record + SEAL <= limits.logSegmentBytes;
  }

  /** Counts one more record, and gives its position. */
  count(): number {
    this.#count += 1;
    return this.next - 1;
  }

  /** The position after its last record. */
  get next(): number {
    return this.first + this.#count;
  }

  has(position: number): boolean {
    return position >= this.first && position < this.next;
  }

  /** Twice is once. */
  release(position: number): void {
    this.#released.add(position);
  }

  /** Whether nobody needs any of its records. */
  get isFree(): boolean {
    return this.#released.size === this.#count;
  }
}
