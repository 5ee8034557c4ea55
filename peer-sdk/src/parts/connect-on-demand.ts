/** A channel over a WebSocket in a page, `#connect` there: it comes with the dealings that it is for. */
import type { Channel } from "../ports.ts";
import { dealings } from "./on-demand.ts";

/** As in `channel/connect-browser.ts`; throws `unreachable` where that cannot be loaded, and nothing is connected then. */
export async function connectWebSocket(url: string): Promise<Channel> {
  const part = await dealings();
  return part.connectWebSocket(url);
}
