/** A channel over a WebSocket in a browser, `#connect` there: loaded with the first dealing. */
import type { Channel } from "../ports.ts";
import { brought } from "./brought.ts";

/** As in `channel/connect-browser.ts`; throws `unreachable` where that cannot be loaded, and nothing is connected then. */
export async function connectWebSocket(url: string): Promise<Channel> {
  const { connectWebSocket: connect } = await brought(() => import("../channel/connect-browser.ts"));
  return connect(url);
}
