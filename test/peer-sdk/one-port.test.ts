/** A merchant's WebSockets on the server of a site that was there before, at a path of their own. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { connectWebSocket } from "../../peer-sdk/src/channel/connect.ts";
import { type Serving, serveWebSockets } from "../../peer-sdk/src/channel/serve.ts";
import { selfSigned } from "./support/certificate.ts";

let site: Server;
let serving: Serving[];
const sum = async (messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]> => [
  new Uint8Array([messages.length]),
];
const serve = async (path?: string): Promise<Serving> => {
  const one = await serveWebSockets({ server: site, ...(path === undefined ? {} : { path }) }, () => sum);
  serving.push(one);
  return one;
};
const listen = async (): Promise<string> => {
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  return `127.0.0.1:${(site.address() as AddressInfo).port}`;
};
/** The head of the answer to what is sent on a plain socket. */
const answerTo = async (host: string, text: string): Promise<string> => {
  const [name, port] = host.split(":");
  const socket = connect(Number(port), name);
  socket.write(text);
  let told = "";
  for await (const chunk of socket) told += chunk;
  return told;
};
const upgrade = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;

beforeEach(() => {
  serving = [];
  site = createServer((_, response) => void response.end("the site"));
});
afterEach(async () => {
  for (const each of serving) await each.close();
  site.closeAllConnections();
  await new Promise((resolve) => site.close(resolve));
});

describe("a merchant on the server of a site", () => {
  test("is found at /lepta as soon as the server listens, and the site is as before", async () => {
    const merchant = await serve();
    expect(() => merchant.url).toThrow(/does not listen/);
    const host = await listen();
    const { url } = merchant;
    expect(url).toBe(`ws://${host}/lepta`);
    const channel = await connectWebSocket(url);
    expect(await channel.request([new Uint8Array([1]), new Uint8Array([2])])).toEqual([new Uint8Array([2])]);
    channel.close();
    const page = await fetch(`http://${host}/lepta`);
    expect([page.status, await page.text()]).toEqual([200, "the site"]);
  });

  test("is found over TLS where the site speaks TLS", async () => {
    const { cert, key } = selfSigned();
    const secure = createHttpsServer({ cert, key });
    const merchant = await serveWebSockets({ server: secure, path: "/pay" }, () => sum);
    await new Promise<void>((resolve) => secure.listen(0, "127.0.0.1", resolve));
    const { port } = secure.address() as AddressInfo;
    expect(merchant.url).toBe(`wss://127.0.0.1:${port}/pay`);
    const customer = new WebSocket(merchant.url, { ca: cert });
    await once(customer, "open");
    await merchant.close();
    secure.closeAllConnections();
    await new Promise((resolve) => secure.close(resolve));
  });

  test("leaves other WebSockets to those who listen for them, at whatever paths there are several", async () => {
    const others = new WebSocketServer({ noServer: true });
    others.on("connection", (socket) => socket.send("hello"));
    site.on("upgrade", (request, socket, head) => {
      if (request.url === "/chat")
        others.handleUpgrade(request, socket, head, (one) => others.emit("connection", one));
    });
    await serve();
    await serve("/other");
    const host = await listen();
    const chat = new WebSocket(`ws://${host}/chat`);
    const [told] = await once(chat, "message");
    expect(String(told)).toBe("hello");
    chat.terminate();
    for (const path of ["lepta", "other"]) {
      const channel = await connectWebSocket(`ws://${host}/${path}`);
      expect(await channel.request([new Uint8Array([1])])).toEqual([new Uint8Array([1])]);
      channel.close();
    }
  });

  test("turns away what nobody listens for: once, however many merchants there are", async () => {
    await serve();
    await serve("/other");
    const host = await listen();
    const told = await answerTo(host, upgrade("/chat"));
    expect(told.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 404"]);
    expect(await answerTo(host, upgrade("/LEPTA"))).toMatch(/^HTTP\/1\.1 404/);
  });

  test("ends its own connections when it is closed, and the site goes on", async () => {
    const one = await serve();
    const host = await listen();
    const customer = new WebSocket(one.url);
    await once(customer, "open");
    const ended = once(customer, "close");
    await one.close();
    await ended;
    await expect(connectWebSocket(`ws://${host}/lepta`)).rejects.toMatchObject({ code: "unreachable" });
    expect(await (await fetch(`http://${host}/`)).text()).toBe("the site");
    // Its path is free again.
    await serve();
    const channel = await connectWebSocket(`ws://${host}/lepta`);
    channel.close();
  });

  test("refuses a path that is none, and one that is taken", async () => {
    await serve();
    await expect(serve()).rejects.toMatchObject({ code: "conflict" });
    for (const path of ["lepta", "", "/a b", "/a?b", "/a#b"])
      await expect(serve(path)).rejects.toMatchObject({ code: "malformed" });
  });
});
