/** Messages as Server-Sent Events, to a bounded number of windows. Runs in Node alone. */
import type { ServerResponse } from "node:http";
import type { PassedMessage } from "@lepta/peer-sdk";
import { passedToJson } from "./passed.ts";

export interface Feed {
  /** Keeps this answer open for events, or ends it with 503 where there are enough. */
  attach(response: ServerResponse): void;
  close(): void;
}

/** A browser opens six connections to one host; more windows than that see nothing new. */
export const MOST_STREAMS = 8;
/** What a window has not read: more, and it is left. */
const MOST_UNREAD = 4 * 1024 * 1024;
/** Milliseconds: so a window that is gone is found out, and one that is there knows that we are. */
const HEARTBEAT = 15_000;

export function openFeed(events: (listener: (passed: PassedMessage) => void) => () => void): Feed {
  const open = new Set<ServerResponse>();
  const write = (text: string): void => {
    for (const response of open) {
      if (response.writableLength > MOST_UNREAD) response.destroy();
      else response.write(text);
    }
  };
  const unlisten = events((passed) => {
    if (open.size > 0) write(`data: ${passedToJson(passed)}\n\n`);
  });
  const beating = setInterval(() => write(": here\n\n"), HEARTBEAT);
  beating.unref();
  return {
    attach: (response) => {
      if (open.size >= MOST_STREAMS) {
        response.writeHead(503, { "retry-after": "30" }).end();
        return;
      }
      open.add(response);
      response.on("close", () => open.delete(response));
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(": welcome\n\n");
    },
    close: () => {
      unlisten();
      clearInterval(beating);
      for (const response of open) response.end();
    },
  };
}
