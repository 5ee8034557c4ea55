/** The floor: a bare `ws` server that answers each message with a fixed number of bytes and does nothing else. */
import { WebSocketServer } from "ws";
import { answerCalls, cpuMicroseconds, type EchoServerCalls } from "./calls.ts";

answerCalls({
  start: ({ responseBytes }) => {
    const response = Buffer.alloc(responseBytes, 1);
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
    server.on("connection", (socket) => socket.on("message", () => socket.send(response)));
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.once("listening", () => {
        const address = server.address();
        if (address === null || typeof address === "string") reject(new Error("the server has no port"));
        else resolve({ url: `ws://127.0.0.1:${address.port}` });
      });
    });
  },
  cpu: cpuMicroseconds,
} satisfies EchoServerCalls);
