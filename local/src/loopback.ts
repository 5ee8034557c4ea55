/** Servers of the embedded cloud listen on 127.0.0.1 and nowhere else. */
import type { Server } from "node:http";

export interface Loopback {
  readonly url: string;
  /** Stops listening and drops open connections; later calls give the same promise. */
  close(): Promise<void>;
}

/** Listens on this port, 0 for a free one. Rejects where it is taken. */
export async function listen(server: Server, port: number): Promise<Loopback> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server got no TCP port");
  let closed: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closed;
    },
  };
}
