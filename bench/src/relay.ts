/** A relay before a server that counts the bytes which cross it: the payload of TCP, both ways. */
import { connect, createServer } from "node:net";

export interface Relay {
  /** The server's URL, through the relay. */
  readonly url: string;
  /** Bytes to the server and from it, so far. */
  count(): { readonly to: number; readonly from: number };
  close(): Promise<void>;
}

export async function startRelay(url: string): Promise<Relay> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<{ destroy(): void }>();
  let to = 0;
  let from = 0;
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {
        // Either end may leave at any time; the other one then leaves as well.
      });
      socket.on("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on("data", (data) => {
      to += data.length;
      far.write(data);
    });
    far.on("data", (data) => {
      from += data.length;
      near.write(data);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the relay has no port");
  return {
    url: url.replace(`:${port}`, `:${address.port}`),
    count: () => ({ to, from }),
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
