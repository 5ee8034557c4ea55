/** What a peer needs of its surroundings; the simulator brings its own. */
import type { KeyHandle, Random } from "@lepta/protocol/core";

/** Clock, timers and random bytes. */
export interface Runtime {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Random bytes that nobody can foresee. */
  readonly random: Random;
  /** Resolves after so long. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Does something later, unless it is called off. What waits so does not keep a process alive. */
  readonly later: (milliseconds: number, work: () => void) => CallOff;
  /**
   * Does something when all that is at hand has been done: what came in one message, and all that follows from it at once. So
   * what several purchases have to say goes into one message. A microtask later where there is nothing better.
   */
  readonly afterTurn?: (work: () => void) => void;
}

/** Does something when this turn has ended. */
export const afterTurn = ({ afterTurn: wait = queueMicrotask }: Runtime, work: () => void): void =>
  wait(work);

/** Calls off what was to be done later. */
export type CallOff = () => void;

/** The machine's own clock, timers and random bytes. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  later: (milliseconds, work) => {
    const timer: unknown = setTimeout(work, milliseconds);
    // In a browser a timer is a number, and nothing there waits for it.
    if (typeof timer === "object" && timer !== null && "unref" in timer) (timer as NodeJS.Timeout).unref();
    return () => clearTimeout(timer as NodeJS.Timeout);
  },
  // In Node a tick comes when no microtask is left: measured, a message carries several times as many purchases so.
  ...(globalThis.process?.nextTick === undefined
    ? {}
    : { afterTurn: (work) => globalThis.process.nextTick(work) }),
};

/** A value to keep, or a key to forget. */
export interface Change {
  /** As `PeerStore` orders it. */
  readonly key: string;
  /** Undefined forgets the key. */
  readonly value: Uint8Array | undefined;
}

/** Where a peer keeps its state: keys in their order, commits that happen whole or not at all and last. */
export interface PeerStore {
  /** The value under a key, or undefined. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Entries whose keys begin with the prefix and come after `after`, in order. */
  list(
    prefix: string,
    options?: { readonly after?: string; readonly limit?: number },
  ): Promise<readonly (readonly [key: string, value: Uint8Array])[]>;
  /** Durable when it returns. */
  commit(changes: readonly Change[]): Promise<void>;
  /** The log of this name, in small letters. Where it is opened again, what was opened before is closed. */
  openLog(name: string): Promise<OpenedLog>;
  /** Where private keys are kept that nobody can read the bytes of; only in browsers. */
  readonly keys?: KeyVault;
  /** Ends what is under way, in logs too. */
  close(): Promise<void>;
}

/** Private keys by their names, as objects: what they sign and open is to be had, their bytes are not. */
export interface KeyVault {
  get(name: string): Promise<KeyHandle | undefined>;
  /** All of them or none, durable when it returns. */
  put(handles: Readonly<Record<string, KeyHandle>>): Promise<void>;
}

/** A log, and what is in it in the order in which it was appended. What was released may be among it. */
export interface OpenedLog {
  readonly log: RecordLog;
  readonly found: readonly LogRecord[];
}

/** A record of a log and where it stands. */
export interface LogRecord {
  readonly position: number;
  readonly record: Uint8Array;
}

/**
 * Records in their order, made durable together and let go of one by one. A crash loses none that was synced; of the others
 * it may lose all, or all from some point on.
 */
export interface RecordLog {
  /** Takes in a record of 1 to `limits.logRecordBytes` bytes, which nobody changes from then on; later ones have higher positions. */
  append(record: Uint8Array): number;
  /**
   * Resolves when all that was appended so far is durable. Once it has rejected it always will: nobody knows what is on
   * disk then until the log is opened again.
   */
  sync(): Promise<void>;
  /** Nobody needs this record any more. Where a crash follows it may be found again. */
  release(position: number): void;
}

/** Sends bytes to the broker and brings its answer. Throws `unreachable` where none came. */
export type BrokerTransport = (
  method: "GET" | "POST",
  url: string,
  body: Uint8Array | undefined,
) => Promise<{ readonly contentType: string; readonly body: Uint8Array }>;

/** Messages both ways in their order, as a WebSocket carries them. Where one is lost the whole wire is. */
export interface Wire {
  /** Those of a connection that has ended go nowhere. */
  send(bytes: Uint8Array): void;
  /** Bytes that were sent and have not left yet. */
  readonly unsent: number;
  /** Reads nothing more until each who has paused it resumes it. */
  pause(): void;
  resume(): void;
  /** Ends the connection. */
  close(): void;
  /** Who is told of what comes, from now on: by calls on the object itself, which may have state. */
  listen(events: WireEvents): void;
  /** The connection, where this only holds it for a while: whoever listens needs nothing else from then on. */
  readonly itself?: Wire;
}

/** What comes over a wire. */
export interface WireEvents {
  /** One message, whole. */
  message(bytes: Uint8Array): void;
  /** Once, however the connection ended. */
  closed(): void;
}

/** A way to one merchant: frames of messages out, the frames that answer them back. */
export interface Channel {
  readonly isOpen: boolean;
  /** The messages of a session on the same connection; a channel without it has no sessions. */
  readonly wire?: Wire;
  /** Throws `unreachable` where no answer came in time. */
  request(messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
  close(): void;
}

/** Opens a channel to a merchant's address. */
export type ConnectChannel = (url: string) => Promise<Channel>;
