/** Hears of messages that this window's wallet does not see: those of merchant and broker, and those of other windows. */
import type { PassedMessage } from "@lepta/peer-sdk";
import { passedFromJson, passedToJson } from "../passed.ts";

/** Tells what comes; what it returns tells the other windows what passes here. */
export function listen(passed: (message: PassedMessage) => void): (message: PassedMessage) => void {
  const windows = new BroadcastChannel("lepta-passed");
  const take = (data: unknown): void => {
    const message = typeof data === "string" ? passedFromJson(data) : undefined;
    if (message !== undefined) passed(message);
  };
  windows.onmessage = ({ data }: MessageEvent<unknown>) => take(data);
  // One window listens to the server for all: a browser has six connections to it, and each stream would keep one.
  void navigator.locks.request("lepta-events", () => {
    // The browser connects again by itself when the server was away.
    new EventSource("/events").onmessage = ({ data }: MessageEvent<unknown>) => {
      take(data);
      windows.postMessage(data);
    };
    // The lock is kept until this window goes; then another one listens.
    return new Promise<never>(() => {});
  });
  return (message) => windows.postMessage(passedToJson(message));
}
