/** A merchant that keeps a copy of all that reaches it and of all that it says to the broker. */
import { type BrokerTransport, httpTransport, type Merchant } from "@lepta/peer-sdk";
import { decodeAs, encodeAs, frameCodec, orThrow } from "@lepta/protocol";
import { WebSocketServer } from "ws";

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

/** Serves customers as `merchant.serve` does, with a copy of every message that they send. */
export async function serveCopying(
  merchant: Merchant,
  copies: Uint8Array[],
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise<void>((resolve, reject) => server.once("listening", resolve).once("error", reject));
  server.on("connection", (socket) => {
    const visit = merchant.visit();
    socket.on("message", async (data: Buffer) => {
      const [id, messages] = orThrow(decodeAs(frameCodec, data));
      copies.push(...messages);
      socket.send(encodeAs(frameCodec, [id, await visit(messages)]));
    });
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `ws://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        for (const socket of server.clients) socket.terminate();
        server.close(() => resolve());
      }),
  };
}
