/** A channel over a WebSocket of the browser's. */
import { limits } from "@lepta/protocol";
import type { Channel, Wire, WireEvents } from "../ports.ts";
import { isOfSession } from "./frame.ts";
import { Gate } from "./gate.ts";
import { PATIENCE, Requests, unreachable } from "./requests.ts";

/** Connects to a merchant's address. Throws `unreachable`. */
export async function connectWebSocket(url: string): Promise<Channel> {
  const socket = newSocket(url);
  const requests = new Requests(url);
  let events: WireEvents = { message: () => {}, closed: () => {} };
  const gate = new Gate((message) => {
    if (isOfSession(message)) events.message(message);
    // A merchant that sends nonsense is left: what waits is answered by a new connection.
    else if (!requests.answer(message)) close();
  });
  const close = (): void => {
    gate.drop();
    socket.close();
  };
  socket.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (!(data instanceof ArrayBuffer) || data.byteLength > limits.frameBytes) return close();
    if (!gate.take(new Uint8Array(data))) close();
  };
  await opened(socket, url);
  socket.onclose = () =>
    gate.end(() => {
      requests.end("the connection was closed");
      events.closed();
    });
  const isOpen = (): boolean => socket.readyState === WebSocket.OPEN;
  const wire: Wire = {
    send: (bytes) => {
      if (isOpen()) socket.send(bytes as Uint8Array<ArrayBuffer>);
    },
    get unsent() {
      return socket.bufferedAmount;
    },
    pause: () => gate.pause(),
    resume: () => gate.resume(),
    close,
    listen: (listener) => {
      events = listener;
    },
  };
  return {
    get isOpen() {
      return isOpen();
    },
    wire,
    request: async (messages) => {
      if (!isOpen()) throw unreachable(url, "the connection is closed");
      return requests.ask(messages, wire.send);
    },
    close,
  };
}

function opened(socket: WebSocket, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer);
      socket.close();
      reject(unreachable(url, why));
    };
    const timer = setTimeout(() => fail(`no connection in ${PATIENCE / 1000} s`), PATIENCE);
    // A browser does not say why.
    socket.onclose = () => fail("no connection");
    socket.onopen = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

/** Throws `unreachable` also where the page may not open such an address. */
function newSocket(url: string): WebSocket {
  try {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    return socket;
  } catch (error) {
    throw unreachable(url, error instanceof Error ? error.message : String(error));
  }
}
