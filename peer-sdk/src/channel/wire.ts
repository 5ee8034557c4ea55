/** A WebSocket as a wire. */
import { WebSocket } from "ws";
import type { Wire, WireEvents } from "../ports.ts";

const nobody: WireEvents = {
  message: () => {},
  closed: () => {},
};

/** A class, as a merchant has one for each customer who is connected: an object with a getter takes ten times as much memory. */
export class SocketWire implements Wire {
  readonly #socket: WebSocket;
  #events = nobody;
  #held = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Who listens at the moment. */
  get told(): WireEvents {
    return this.#events;
  }

  get unsent(): number {
    return this.#socket.bufferedAmount;
  }

  send(bytes: Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(bytes, BINARY);
  }

  pause(): void {
    this.#held += 1;
    this.#socket.pause();
  }

  resume(): void {
    this.#held -= 1;
    if (this.#held === 0) this.#socket.resume();
  }

  close(): void {
    this.#socket.close();
  }

  listen(events: WireEvents): void {
    this.#events = events;
  }
}

const BINARY = { binary: true };
