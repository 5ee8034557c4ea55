/** Where a handler's bytes go while nothing may leave, or as they leave. */
import type { ServerResponse } from "node:http";
import { concat, LeptaError, limits } from "@lepta/protocol";
import { heldTooLong } from "./bounded-body.ts";

export interface Sink {
  /** Whether it would take more at once. */
  write(chunk: Uint8Array): boolean;
  end(): void;
  fail(error: unknown): void;
  /** Forgets what it was given, where it still has it. */
  drop(): void;
  readonly body: () => ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>;
}

/** Holds an answer whole; one that is too long is refused and forgotten. */
export function heldIn(reject: (error: unknown) => void): Sink {
  let chunks: Uint8Array[] = [];
  let length = 0;
  const drop = (): void => {
    chunks = [];
    length = 0;
  };
  let full = false;
  return {
    write(chunk) {
      length += chunk.length;
      full ||= length > limits.paidAnswerBytes;
      if (!full) chunks.push(chunk);
      else {
        drop();
        reject(heldTooLong());
      }
      return true;
    },
    end: () => undefined,
    fail: drop,
    drop,
    body: () => concat(...chunks),
  };
}

/** Handlers that pause while they are told to hold little; one that does not is stopped at a bound. */
export function streamedTo(response: ServerResponse): Sink {
  let open = true;
  let awaited = false;
  const { readable, controller } = stream(() => {
    if (awaited) response.emit("drain");
    awaited = false;
  });
  const fail = (error: unknown): void => {
    if (open) controller.error(error);
    open = false;
  };
  return {
    write(chunk) {
      if (!open || chunk.length === 0) return true;
      controller.enqueue(chunk);
      const room = controller.desiredSize ?? 0;
      awaited = room <= 0;
      if (room < -limits.unreadBytes)
        fail(new LeptaError("too-large", "more is written than the client reads"));
      return !awaited;
    },
    end() {
      if (open) controller.close();
      open = false;
    },
    fail,
    drop: () => undefined,
    body: () => readable,
  };

  function stream(pull: () => void): Streamed {
    let held: ReadableStreamDefaultController<Uint8Array> | undefined;
    const cancel = (): void => {
      open = false;
    };
    const start = (given: ReadableStreamDefaultController<Uint8Array>): void => {
      held = given;
    };
    const strategy = new ByteLengthQueuingStrategy({ highWaterMark: 64 * 1024 });
    const made = new ReadableStream<Uint8Array>({ start, pull, cancel }, strategy);
    if (held === undefined) throw new TypeError("a stream that does not start");
    return { readable: made, controller: held };
  }
}

interface Streamed {
  readonly readable: ReadableStream<Uint8Array>;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
}
