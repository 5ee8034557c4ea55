/** What is written at once: records that are appended until the disk is free for them. */
import { limits } from "@lepta/protocol";
import { closeGroup, GROUP, RECORD } from "./format.ts";
import type { Segment } from "./segment.ts";

const SMALLEST = 4096;

export class Group {
  readonly segment: Segment;
  /** Where in the segment's file it goes, once it has its place. */
  at = 0;
  #buffer: Buffer;
  #length = GROUP;
  #done: PromiseWithResolvers<void> | undefined;

  /** `buffer` is one that nobody reads any more. */
  constructor(segment: Segment, buffer: Buffer = Buffer.allocUnsafe(SMALLEST)) {
    this.segment = segment;
    this.#buffer = buffer;
  }

  /** Bytes on disk. */
  get length(): number {
    return this.#length;
  }

  get isEmpty(): boolean {
    return this.#length === GROUP;
  }

  /** Whether somebody waits for it. */
  get isWanted(): boolean {
    return this.#done !== undefined;
  }

  /** Resolves when it is durable. */
  get durable(): Promise<void> {
    this.#done ??= Promise.withResolvers();
    return this.#done.promise;
  }

  add(record: Uint8Array): void {
    const start = this.#length + RECORD;
    const end = start + record.length;
    if (end > this.#buffer.length) this.#grow(end);
    this.#buffer.writeUInt32BE(record.length, this.#length);
    this.#buffer.set(record, start);
    this.#length = end;
  }

  /** Takes its place in the segment: it grows no more. */
  place(): void {
    this.at = this.segment.end;
    this.segment.end += this.#length;
  }

  /** As it is written. */
  bytes(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.#length);
    closeGroup(bytes, this.segment.marker);
    return bytes;
  }

  resolve(): void {
    this.#done?.resolve();
  }

  reject(error: Error): void {
    this.#done?.reject(error);
  }

  /** Its buffer, when it is on disk; undefined where it is too large to be kept for the next. */
  get spare(): Buffer | undefined {
    return this.#buffer.length <= limits.logBufferBytes ? this.#buffer : undefined;
  }

  #grow(least: number): void {
    const size = Math.max(least, Math.min(this.#buffer.length * 2, limits.logSegmentBytes));
    const larger = Buffer.allocUnsafe(size);
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}
