/** The frames of one connection that wait for their answers. */
import { isRefusal, LeptaError } from "@lepta/protocol";
import { decodeFrame, encodeFrame } from "./frame.ts";

/** How long a connection and an answer may take, in milliseconds. */
export const PATIENCE = 30_000;

interface Waiting {
  readonly resolve: (messages: readonly Uint8Array[]) => void;
  readonly reject: (error: Error) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class Requests {
  readonly #url: string;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(url: string) {
    this.#url = url;
  }

  /** Sends messages in one frame and gives those that answer it. Throws `unreachable` where none came in time. */
  ask(messages: readonly Uint8Array[], send: (frame: Uint8Array) => void): Promise<readonly Uint8Array[]> {
    return new Promise((resolve, reject) => {
      this.#lastId = (this.#lastId + 1) % 0xffffffff;
      const id = this.#lastId;
      const frame = encodeFrame({ id, messages });
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(unreachable(this.#url, `no answer in ${PATIENCE / 1000} s`));
      }, PATIENCE);
      this.#waiting.set(id, { resolve, reject, timer });
      send(frame);
    });
  }

  /** Takes a frame that came; tells whether it was one. */
  answer(bytes: Uint8Array): boolean {
    const frame = decodeFrame(bytes);
    if (isRefusal(frame)) return false;
    const asked = this.#waiting.get(frame.id);
    this.#waiting.delete(frame.id);
    clearTimeout(asked?.timer);
    asked?.resolve(frame.messages);
    return true;
  }

  /** No answer comes any more. */
  end(why: string): void {
    for (const each of this.#waiting.values()) {
      clearTimeout(each.timer);
      each.reject(unreachable(this.#url, why));
    }
    this.#waiting.clear();
  }
}

export const unreachable = (url: string, why: string): LeptaError =>
  new LeptaError("unreachable", `${url}: ${why}`);
