/** A merchant that keeps a copy of all that reaches it and of all that it says to the broker. */
import { type BrokerTransport, httpTransport, type Merchant } from "@lepta/peer-sdk";
import { serveWebSockets } from "../../../peer-sdk/src/channel/serve.ts";

/** What was sent to the broker's door, and what came back. */
export interface Exchange {
  readonly url: string;
  readonly sent: Uint8Array;
  readonly received: Uint8Array;
}

/** The SDK's own transport, with a copy of everything. */
export const copyingTransport =
  (copies: Exchange[]): BrokerTransport =>
  async (method, url, body) => {
    const answer = await httpTransport(method, url, body);
    if (body !== undefined) copies.push({ url, sent: body, received: answer.body });
    return answer;
  };

/** Serves customers as `merchant.serve` does, with a copy of every message that they send outside of a session's items. */
export function serveCopying(
  merchant: Merchant,
  copies: Uint8Array[],
): Promise<{ readonly url: string; close(): Promise<void> }> {
  return serveWebSockets({}, () => {
    const visit = merchant.visit();
    const answer = (messages: readonly Uint8Array[]) => {
      copies.push(...messages);
      return visit(messages);
    };
    return visit.attach === undefined ? answer : Object.assign(answer, { attach: visit.attach });
  });
}
