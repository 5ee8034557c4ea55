/**
 * A shop on Express that is paid by the request. With a broker of your own (`npm start` in another terminal):
 *
 *     node tools/run.mjs examples/merchant/src/main.ts
 *
 * It keeps what it must not lose in `.lepta/shop`: its keys, and what its customers hold of it.
 */
import { createServer } from "node:http";
import { paywall } from "@lepta/peer-sdk";
import { expressPaywall } from "@lepta/peer-sdk/express";
import express from "express";

const { LEPTA_BROKER: broker = "http://127.0.0.1:8787", PORT: port = "3000" } = process.env;

const app = express();
// Customers' payments come over a WebSocket at /lepta of the same server: one port, one certificate.
const server = createServer(app);
const wall = await paywall({
  dir: ".lepta/shop",
  broker,
  server,
  routes: {
    "GET /story": "EUR 0.02",
    "GET /film": "EUR 0.20",
    "POST /ask": { unit: "word", price: "EUR 0.0001", max: "EUR 0.05" },
  },
});
// Before everything that reads bodies: a payment is for exactly these bytes.
app.use(expressPaywall(wall));
app.use(express.text());

// What has no price is as it was.
app.get("/", (_, response) => void response.send("A story, a film, and answers to your questions.\n"));

// Written as if nobody paid. Where it throws, or answers with an error, its customer is not charged.
app.get("/story", (_, response) => void response.send("Small change makes small things possible.\n"));
app.get("/film", (request, response) => {
  // Who has paid, by a name that is the same the next time.
  response.type("text").send(`A film for ${request.payment?.customer ?? "nobody"}.\n`);
});

// Sold by the word. `use` waits while its customer pays for more, and what is not used is not charged.
app.post("/ask", async (request, response) => {
  response.type("text");
  for (const word of answerTo(String(request.body)).split(" ")) {
    response.write(`${word} `);
    await request.payment?.use?.(1);
  }
  response.end("\n");
});

server.listen(Number(port), "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") return;
  process.stdout.write(`The shop is open: http://127.0.0.1:${address.port}\n`);
});

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stop());

/** The paywall first: the server waits for the WebSockets that come through it. */
async function stop(): Promise<void> {
  await wall.close();
  server.close();
  server.closeIdleConnections();
}

const answerTo = (question: string): string =>
  `You ask: ${question} Whoever could answer that in one sentence would hardly sell it by the word.`;
