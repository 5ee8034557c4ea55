/**
 * A log in files: `NAME-00000001.log` and on, in one directory that this process alone uses. Records are gathered in memory
 * while the disk is busy, and written together when it is free (ADR 16).
 */
import { join } from "node:path";
import { LeptaError, limits } from "@lepta/protocol";
import type { LogRecord, RecordLog } from "../../ports.ts";
import { damaged } from "../damaged.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { headerOf, MARKER, readSegment, SEAL, sealOf } from "./format.ts";
import { Group } from "./group.ts";
import { checkRecord } from "./record.ts";
import { Segment } from "./segment.ts";

const DONE = Promise.resolve();

export class FileLog implements RecordLog {
  readonly #disk: Disk;
  readonly #pathOf: (number: number) => string;
  /** Those with records that are needed, and the last one, in their order. */
  readonly #segments: Segment[] = [];
  #position = 1;
  /** What takes the next record, and what waits before it because its segment is full. */
  #group: Group;
  #full: Group[] = [];
  /** What is being written. */
  #writing: Group | undefined;
  #running: Promise<void> | undefined;
  /** The file that is written to, and its segment. */
  #open: { readonly file: DiskFile; readonly segment: Segment } | undefined;
  #spare: Buffer | undefined;
  #tidying = DONE;
  /** Why nothing can be made durable any more, and whether that was told. */
  #fault: Error | undefined;
  #isTold = false;
  #closing: Promise<void> | undefined;

  private constructor(
    disk: Disk,
    pathOf: (number: number) => string,
    known: readonly Segment[],
    next: number,
  ) {
    this.#disk = disk;
    this.#pathOf = pathOf;
    for (const segment of known) this.#segments.push(segment);
    const last = known.at(-1);
    if (last !== undefined) this.#position = last.next;
    this.#group = new Group(this.#newSegment(next));
  }

  /**
   * Opens the log of this name. What a crash has cut short at its end is cut off, and what is found is durable. Throws
   * `store-damaged` where anything else is not as it was written.
   */
  static async open(
    disk: Disk,
    dir: string,
    name: string,
  ): Promise<{ readonly log: FileLog; readonly found: readonly LogRecord[] }> {
    const pathOf = (number: number): string => join(dir, `${name}-${number.toString().padStart(8, "0")}.log`);
    const pattern = new RegExp(`^${name}-(\\d{8})\\.log$`);
    const numbers = (await disk.names(dir))
      .flatMap((file) => pattern.exec(file)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
    const known: Segment[] = [];
    const found: LogRecord[] = [];
    for (const number of numbers) {
      const path = pathOf(number);
      const records = await recover(disk, path, number, number === numbers.at(-1));
      if (records.length === 0) continue;
      const segment = new Segment(number, path, NOTHING, known.at(-1)?.next ?? 1);
      segment.isSealed = true;
      for (const record of records) found.push({ position: segment.count(), record });
      known.push(segment);
    }
    return { log: new FileLog(disk, pathOf, known, (numbers.at(-1) ?? 0) + 1), found };
  }

  append(record: Uint8Array): number {
    checkRecord(record);
    if (!this.#group.segment.hasRoom(this.#group.length, record.length)) this.#turn();
    const position = this.#group.segment.count();
    this.#position = position + 1;
    // Nothing of it will ever be on disk: whoever waits for that is told.
    if (this.#fault === undefined) this.#group.add(record);
    return position;
  }

  sync(): Promise<void> {
    if (this.#fault !== undefined) {
      this.#isTold = true;
      return Promise.reject(this.#fault);
    }
    if (this.#closing !== undefined) return Promise.reject(this.#closed());
    const last = this.#group.isEmpty ? (this.#full.at(-1) ?? this.#writing) : this.#group;
    if (last === undefined) return DONE;
    const { durable } = last;
    // At the end of this turn of the event loop: all that came with it is written together.
    this.#running ??= new Promise(setImmediate).then(() => this.#run());
    return durable;
  }

  release(position: number): void {
    const segment = this.#segments.find((each) => each.has(position));
    segment?.release(position);
    if (segment?.isSealed === true && segment.isFree) this.#remove(segment);
  }

  /** Writes what somebody waits for, and closes the files. Rejects where a fault was told to nobody yet. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#running;
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined && this.#fault === undefined)
      await this.#seal(open).catch((error) => this.#fail(error));
    await this.#tidying;
    const fault = this.#fault;
    this.#fault ??= this.#closed();
    if (fault !== undefined && !this.#isTold) throw fault;
  }

  #closed(): LeptaError {
    return new LeptaError("closed", this.#group.segment.path);
  }

  /** Writes until nobody waits any more. */
  async #run(): Promise<void> {
    try {
      for (let group = this.#take(); group !== undefined; group = this.#take()) {
        this.#writing = group;
        await this.#write(group);
        this.#writing = undefined;
        this.#spare = group.spare;
        group.resolve();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#running = undefined;
    }
  }

  /** What is to be written next. */
  #take(): Group | undefined {
    const full = this.#full.shift();
    if (full !== undefined) return full;
    const group = this.#group;
    if (!group.isWanted) return undefined;
    group.place();
    this.#group = new Group(group.segment, this.#spare);
    this.#spare = undefined;
    return group;
  }

  /** The segment is full: the next record goes into another. */
  #turn(): void {
    const full = this.#group;
    if (!full.isEmpty) {
      full.place();
      this.#full.push(full);
    }
    this.#group = new Group(this.#newSegment(full.segment.number + 1));
  }

  #newSegment(number: number): Segment {
    const marker = crypto.getRandomValues(new Uint8Array(MARKER));
    const segment = new Segment(number, this.#pathOf(number), marker, this.#position);
    this.#segments.push(segment);
    return segment;
  }

  async #write(group: Group): Promise<void> {
    const file = await this.#fileOf(group.segment);
    await file.write(group.bytes(), group.at);
  }

  async #fileOf(segment: Segment): Promise<DiskFile> {
    const open = this.#open;
    if (open?.segment === segment) return open.file;
    this.#open = undefined;
    // Before there is another: only the last one may have no seal.
    if (open !== undefined) await this.#seal(open);
    // Of its whole size from the beginning, so that a write within it changes nothing but its own bytes.
    const bytes = new Uint8Array(limits.logSegmentBytes);
    bytes.set(headerOf(segment.number, segment.marker));
    const file = await this.#disk.create(segment.path, bytes);
    this.#open = { file, segment };
    return file;
  }

  async #seal({ file, segment }: { readonly file: DiskFile; readonly segment: Segment }): Promise<void> {
    try {
      await seal(file, segment.marker, segment.end);
    } finally {
      await file.close();
    }
    segment.isSealed = true;
    if (segment.isFree) this.#remove(segment);
  }

  /** In the background; whoever syncs or closes next is told of a fault. */
  #remove(segment: Segment): void {
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    this.#tidying = this.#tidying
      .then(() => this.#disk.remove(segment.path))
      .catch((error: unknown) => this.#fail(error));
  }

  /** What a failed write has left on disk nobody knows: nothing more is written, and everybody is told. */
  #fail(reason: unknown): void {
    if (this.#fault !== undefined) return;
    const error = reason instanceof Error ? reason : new LeptaError("internal", "a log");
    this.#fault = error;
    for (const group of [this.#writing, ...this.#full, this.#group]) {
      if (group?.isWanted === true) this.#isTold = true;
      group?.reject(error);
    }
    this.#writing = undefined;
    this.#full = [];
    const open = this.#open;
    this.#open = undefined;
    // Whatever closing says, the fault that we have is the one to tell.
    open?.file.close().catch(() => {});
  }
}

/** The records of a file that was there, which is then whole, sealed and durable; without records it is gone. */
async function recover(
  disk: Disk,
  path: string,
  number: number,
  isLast: boolean,
): Promise<readonly Uint8Array[]> {
  const bytes = await disk.read(path).catch((error: unknown) => {
    throw damaged(path, String(error));
  });
  const reading = readSegment(bytes, number, isLast);
  if (reading !== "unborn" && "damage" in reading) throw damaged(path, reading.damage);
  if (reading === "unborn" || reading.records.length === 0) {
    await disk.remove(path);
    return [];
  }
  const { marker, records, end, isSealed } = reading;
  if (isSealed) return records;
  const file = await disk.open(path);
  try {
    // Written again: where a sync has failed, what the system remembers of a file may not be on its disk.
    await file.write(bytes.subarray(0, end), 0);
    await file.truncate(end);
    await seal(file, marker, end);
  } finally {
    await file.close();
  }
  return records;
}

/** Says that all before it is durable, and gives back the room behind it. */
async function seal(file: DiskFile, marker: Uint8Array, end: number): Promise<void> {
  await file.write(sealOf(marker), end);
  await file.truncate(end + SEAL);
}

const NOTHING = new Uint8Array(0);
