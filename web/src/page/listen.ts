/** Hears of messages that this window's wallet does not see: those of merchant and broker, and those of other windows. */
import type { PassedMessage } from "@lepta/peer-sdk";
import { passedFromJson, passedToJson } from "../passed.ts";

/** Tells what comes; what it returns tells the other windows what passes here. */
export function listen(passed: (message: PassedMessage) => void): (message: PassedMessage) => void {
  const take = ({ data }: MessageEvent<unknown>): void => {
    const message = typeof data === "string" ? passedFromJson(data) : undefined;
    if (message !== undefined) passed(message);
  };
  // The browser connects again by itself when the server was away.
  new EventSource("/events").onmessage = take;
  const windows = new BroadcastChannel("lepta-passed");
  windows.onmessage = take;
  return (message) => windows.postMessage(passedToJson(message));
}
