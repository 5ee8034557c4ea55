/** What both ways of opening a WebSocket promise: ws, and the one that browsers bring, here Node's own. */
import { once } from "node:events";
import { limits } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { connectWebSocket as connectNode } from "../../peer-sdk/src/channel/connect.ts";
import { connectWebSocket as connectBrowser } from "../../peer-sdk/src/channel/connect-browser.ts";
import { decodeFrame, encodeFrame } from "../../peer-sdk/src/channel/frame.ts";
import type { ConnectChannel } from "../../peer-sdk/src/ports.ts";

let server: WebSocketServer;
let url: string;

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  url = `ws://127.0.0.1:${address.port}`;
});

afterEach(async () => {
  for (const socket of server.clients) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
});

describe.each([
  ["ws", connectNode],
  ["a browser's WebSocket", connectBrowser],
] as const)("a channel on %s", (_, connect) => {
  test("brings each request the frame that answers it, in whatever order they come", async () => {
    const { channel, merchant } = await meet(connect);
    const asked = received(merchant, 2);
    const answers = [[bytes(21)], [bytes(22), bytes(23)]].map((messages) => channel.request(messages));
    const frames = (await asked).map(frameOf);
    expect(frames.map(({ messages }) => messages)).toEqual([[bytes(21)], [bytes(22), bytes(23)]]);
    for (const { id, messages } of frames.toReversed())
      merchant.send(encodeFrame({ id, messages: messages.map(([kind = 0]) => bytes(kind + 100)) }));
    expect(await Promise.all(answers)).toEqual([[bytes(121)], [bytes(122), bytes(123)]]);
    channel.close();
  });

  test("hands what belongs to a session to its listener, in order, and sends as it is told", async () => {
    const { channel, merchant } = await meet(connect);
    const { told, closed } = listen(channel, 3);
    for (const message of [bytes(0, 1), bytes(1, 2), bytes(1, 3)]) merchant.send(message);
    expect(await told).toEqual([bytes(0, 1), bytes(1, 2), bytes(1, 3)]);
    const heard = received(merchant, 1);
    channel.wire?.send(bytes(1, 4));
    expect(await heard).toEqual([bytes(1, 4)]);
    merchant.close();
    await closed;
    expect(channel.isOpen).toBe(false);
    channel.wire?.send(bytes(1, 5));
  });

  test("hands out nothing between a pause and as many resumptions, and then all of it in order", async () => {
    const { channel, merchant } = await meet(connect);
    const seen: Uint8Array[] = [];
    let isPaused = false;
    const done = new Promise<void>((resolve) => {
      channel.wire?.listen({
        message: (message) => {
          expect(isPaused).toBe(false);
          seen.push(Uint8Array.from(message));
          if (seen.length === 6) resolve();
        },
        closed: () => {},
      });
    });
    channel.wire?.pause();
    channel.wire?.pause();
    isPaused = true;
    // What the socket had read before comes after: that of a second connection says that time has passed.
    for (let i = 0; i < 6; i += 1) merchant.send(bytes(1, i));
    await (await meet(connect)).channel.close();
    channel.wire?.resume();
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([]);
    isPaused = false;
    channel.wire?.resume();
    await done;
    expect(seen.map(([, number]) => number)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("is unreachable where nobody listens, where it was closed, and where it ends before the answer", async () => {
    const { channel, merchant } = await meet(connect);
    const asked = received(merchant, 1);
    const answer = channel.request([bytes(21)]);
    const refused = expect(answer).rejects.toMatchObject({ code: "unreachable" });
    await asked;
    const { closed } = listen(channel, 1);
    merchant.terminate();
    await refused;
    await closed;
    await expect(channel.request([bytes(21)])).rejects.toMatchObject({ code: "unreachable" });
    await new Promise((resolve) => server.close(resolve));
    await expect(connect(url)).rejects.toMatchObject({ code: "unreachable" });
  });

  test.each([
    ["text", "text"],
    ["no frame", bytes(0x82, 1)],
    ["more than a frame may hold", new Uint8Array(limits.frameBytes + 1).fill(1)],
  ])("leaves a merchant that sends %s", async (_name, message) => {
    const { channel, merchant } = await meet(connect);
    const { closed } = listen(channel, 1);
    merchant.send(message);
    await closed;
    expect(channel.isOpen).toBe(false);
  });

  test("tells once that it has ended, also where its reader had paused and closes it", async () => {
    const { channel, merchant } = await meet(connect);
    let ends = 0;
    const ended = new Promise<void>((resolve) => {
      channel.wire?.listen({
        message: () => expect.unreachable("a message after the end"),
        closed: () => {
          ends += 1;
          resolve();
        },
      });
    });
    const closed = once(merchant, "close");
    channel.wire?.close();
    channel.wire?.close();
    await closed;
    await ended;
    expect(ends).toBe(1);
  });
});

describe("a browser's channel, which cannot make the other side wait,", () => {
  test("is closed where more comes during a pause than is held", async () => {
    const { channel, merchant } = await meet(connectBrowser);
    const { closed } = listen(channel, 1);
    channel.wire?.pause();
    const message = new Uint8Array(limits.frameBytes).fill(1);
    for (let sent = 0; sent <= limits.heldBytes; sent += message.length) merchant.send(message);
    await closed;
    expect(channel.isOpen).toBe(false);
  });

  test("tells of its end after the last message that it held", async () => {
    const { channel, merchant } = await meet(connectBrowser);
    const told: string[] = [];
    const ended = new Promise<void>((resolve) => {
      channel.wire?.listen({
        message: ([, number]) => void told.push(`message ${number}`),
        closed: () => {
          told.push("closed");
          resolve();
        },
      });
    });
    channel.wire?.pause();
    merchant.send(bytes(1, 1));
    merchant.send(bytes(1, 2));
    merchant.close();
    await once(merchant, "close");
    while (channel.isOpen) await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual([]);
    channel.wire?.resume();
    await ended;
    expect(told).toEqual(["message 1", "message 2", "closed"]);
  });

  test("is unreachable at an address that is none", async () => {
    await expect(connectBrowser("no address")).rejects.toMatchObject({ code: "unreachable" });
  });
});

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

/** A channel to the server, and the server's end of it. */
async function meet(connect: ConnectChannel) {
  const arrival = once(server, "connection");
  const channel = await connect(url);
  const [merchant]: WebSocket[] = await arrival;
  if (merchant === undefined) throw new Error("no connection");
  return { channel, merchant };
}

/** As many messages as the merchant gets next. */
function received(merchant: WebSocket, count: number): Promise<readonly Uint8Array[]> {
  const messages: Uint8Array[] = [];
  return new Promise((resolve) => {
    merchant.on("message", (data: Buffer) => {
      messages.push(Uint8Array.from(data));
      if (messages.length === count) resolve(messages);
    });
  });
}

/** As many messages as a session would get next, and the end. */
function listen(channel: Awaited<ReturnType<ConnectChannel>>, count: number) {
  const messages: Uint8Array[] = [];
  let tell: (messages: readonly Uint8Array[]) => void;
  let end: () => void;
  const told = new Promise<readonly Uint8Array[]>((resolve) => {
    tell = resolve;
  });
  const closed = new Promise<void>((resolve) => {
    end = resolve;
  });
  channel.wire?.listen({
    message: (message) => {
      messages.push(Uint8Array.from(message));
      if (messages.length === count) tell(messages);
    },
    closed: () => end(),
  });
  return { told, closed };
}

function frameOf(bytes: Uint8Array) {
  const frame = decodeFrame(bytes);
  if ("code" in frame) throw new Error(frame.code);
  return frame;
}
