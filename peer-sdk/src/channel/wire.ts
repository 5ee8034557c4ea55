/** A WebSocket as a wire. */
import { WebSocket } from "ws";
import type { Wire, WireEvents } from "../ports.ts";

const nobody: WireEvents = {
  message: () => {},
  closed: () => {},
};

/** The wire, and who listens to it at the moment. */
export function wireOf(socket: WebSocket): { readonly wire: Wire; readonly told: () => WireEvents } {
  let events = nobody;
  let held = 0;
  const wire: Wire = {
    send: (bytes) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes, { binary: true });
    },
    get unsent() {
      return socket.bufferedAmount;
    },
    pause: () => {
      held += 1;
      socket.pause();
    },
    resume: () => {
      held -= 1;
      if (held === 0) socket.resume();
    },
    close: () => socket.close(),
    listen: (listener) => {
      events = listener;
    },
  };
  return { wire, told: () => events };
}
