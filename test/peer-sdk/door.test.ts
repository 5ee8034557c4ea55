/** The merchant's WebSocket door: whatever comes in, one shape of error goes out, and nobody else notices. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Catalogue,
  connectWebSocket,
  type Merchant,
  memoryPeerStore,
  type PeerStore,
  type Serving,
  type Wallet,
} from "@lepta/peer-sdk";
import {
  decodeAs,
  encodeAs,
  encodeCbor,
  errorCodec,
  frameCodec,
  hello,
  isRefusal,
  limits,
  offerRequest,
  orThrow,
  query,
  Tagged,
  toText,
  vendorscripRequest,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { selfSigned } from "./support/certificate.ts";
import { euro, given, Hand, Meeting, orderFor, spendingOf } from "./support/hand.ts";
import { codeOf, createWorld, HOUR, repeatableRuntime, type World } from "./support/world.ts";

const catalogue: Catalogue = { article: { price: "EUR 0.02", deliver: () => "the text" } };

let world: World;
let news: Merchant;
let serving: Serving;
let shelf: PeerStore;
let store: PeerStore;
let wallet: Wallet;
let hand: Hand;
let sockets: WebSocket[];

beforeEach(async () => {
  world = await createWorld();
  shelf = memoryPeerStore();
  store = memoryPeerStore();
  sockets = [];
  news = await world.merchant("ws://unused.example/", { store: shelf, catalogue });
  serving = await news.serve();
  wallet = await world.wallet({ store, connect: connectWebSocket });
  await wallet.topUp("EUR 1.00");
  await wallet.obtain(serving.url, "EUR 0.10");
  hand = await Hand.open({ store, broker: world.broker, transport: world.transport, runtime: world.runtime });
});
afterEach(async () => {
  for (const socket of sockets) socket.terminate();
  await serving.close();
  await world.close();
});

interface Wire {
  readonly socket: WebSocket;
  /** Sends bytes as one binary message and takes the next message or the close that follows. */
  readonly ask: (bytes: Uint8Array) => Promise<Uint8Array | number>;
  readonly next: () => Promise<Uint8Array | number>;
  /** One message in a frame of its own; the first message of the answer. */
  readonly send: (message: Uint8Array) => Promise<Uint8Array>;
}

/** A bare WebSocket that gives every message and the close in their order. */
async function wire(url = serving.url): Promise<Wire> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  sockets.push(socket);
  const arrived: (Uint8Array | number)[] = [];
  const waiting: ((what: Uint8Array | number) => void)[] = [];
  const arrive = (what: Uint8Array | number): void => {
    const taker = waiting.shift();
    if (taker === undefined) arrived.push(what);
    else taker(what);
  };
  socket.on("message", (data) => arrive(new Uint8Array(data as Buffer)));
  socket.on("close", (code) => arrive(code));
  socket.on("error", () => {
    // The close that follows is what the tests look at.
  });
  await once(socket, "open");
  const next = (): Promise<Uint8Array | number> => {
    const here = arrived.shift();
    return here === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(here);
  };
  const ask = (bytes: Uint8Array): Promise<Uint8Array | number> => {
    socket.send(bytes);
    return next();
  };
  return {
    socket,
    next,
    ask,
    send: async (message) => {
      const answer = await ask(encodeAs(frameCodec, [7, [message]]));
      const [id, messages] = orThrow(decodeAs(frameCodec, bytesOf(answer)));
      expect(id).toBe(7);
      return given(messages[0]);
    },
  };
}

function bytesOf(what: Uint8Array | number): Uint8Array {
  if (typeof what === "number") throw new Error(`the connection was closed with ${what}`);
  return what;
}

/** The code of an error message, which must be of the one shape: version, type and code, and nothing else. */
function errorCode(message: Uint8Array): string {
  const error = orThrow(decodeAs(errorCodec, message));
  expect(message).toEqual(encodeAs(errorCodec, { version: 1, type: "error", code: error.code }));
  return error.code;
}

/** The code in a frame that answers what was no frame. */
function frameError(answer: Uint8Array | number): string {
  const [id, messages] = orThrow(decodeAs(frameCodec, bytesOf(answer)));
  expect(id).toBe(0);
  expect(messages).toHaveLength(1);
  return errorCode(given(messages[0]));
}

const contents = async (): Promise<string> =>
  JSON.stringify((await shelf.list("")).map(([key, value]) => [key, toText(value)]));
const expectAlive = async (): Promise<void> => {
  expect((await wallet.buy(serving.url, "article", { max: "EUR 0.02" })).goods.text()).toBe("the text");
};

describe("frames that make no sense", () => {
  const random = repeatableRuntime("bad frames").random;
  const deep = (levels: number): Uint8Array => {
    const bytes = new Uint8Array(levels + 1).fill(0x81);
    bytes[levels] = 0;
    return bytes;
  };
  const good = encodeAs(frameCodec, [1, [new Uint8Array(100)]]);
  const frames: readonly (readonly [string, Uint8Array])[] = [
    ["nothing", new Uint8Array()],
    ["random bytes", random(200)],
    ["a frame cut short", good.slice(0, -1)],
    ["a frame with bytes after its end", new Uint8Array([...good, 0])],
    ["nesting of 20,000 levels", deep(20_000)],
    ["a map", encodeCbor(new Map())],
    ["a frame without messages", encodeCbor([1, []])],
    ["a frame with an empty message", encodeCbor([1, [new Uint8Array()]])],
    ["a frame with a negative id", encodeCbor([-1, [new Uint8Array(1)]])],
    ["a frame with 65 messages", encodeCbor([1, Array.from({ length: 65 }, () => new Uint8Array(1))])],
    ["an array of indefinite length", new Uint8Array([0x9f, 0x01, 0x81, 0x41, 0x00, 0xff])],
    ["a number that is not in its shortest form", new Uint8Array([0x82, 0x18, 0x01, 0x81, 0x41, 0x00])],
    [
      "a length that promises four gigabytes",
      new Uint8Array([0x82, 0x01, 0x81, 0x5a, 0xff, 0xff, 0xff, 0xff]),
    ],
  ];

  test.each(frames)("%s is answered with an error, and the connection stays", async (_name, bytes) => {
    const before = await contents();
    const { ask, socket } = await wire();
    expect(frameError(await ask(bytes))).toBe("malformed");
    expect(socket.readyState).toBe(WebSocket.OPEN);
    expect(await contents()).toBe(before);
    await expectAlive();
  });

  test(`after ${limits.badFrames} of them the connection is closed, and only that one`, async () => {
    const bystander = await hand.greet((await frameChannel()).visit);
    const { ask } = await wire();
    for (let i = 1; i < limits.badFrames; i += 1) expect(frameError(await ask(random(50)))).toBe("malformed");
    expect(await ask(random(50))).toBe(1008);
    const message = await bystander.purchase(
      spendingOf(await hand.holding(news.uid)),
      orderFor("article", "EUR 0.02"),
    );
    expect((await bystander.buy(message)).ok).toBe(true);
  });

  test("thousands of them at once end their connections; nothing is written and the merchant goes on", async () => {
    const before = await contents();
    const closed = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const { socket, next } = await wire();
        for (let i = 0; i < 250; i += 1) socket.send(random(64));
        for (;;) {
          const what = await next();
          if (typeof what === "number") return what;
        }
      }),
    );
    expect(new Set(closed)).toEqual(new Set([1008]));
    expect(await contents()).toBe(before);
    await expectAlive();
  });

  test("a text message closes the connection", async () => {
    const { socket, next } = await wire();
    socket.send("give me an article");
    expect(await next()).toBe(1003);
    await expectAlive();
  });

  test("a message that is too long closes the connection before it is read", async () => {
    const { ask } = await wire();
    expect(await ask(new Uint8Array(limits.frameBytes + 1))).toBe(1009);
    await expectAlive();
  });

  test("broken WebSocket framing closes the connection", async () => {
    const { socket, next } = await wire();
    const raw = (socket as unknown as { readonly _socket: NodeJS.WritableStream })._socket;
    raw.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
    expect(typeof (await next())).toBe("number");
    await expectAlive();
  });

  test("plain HTTP is told that this is no place for it", async () => {
    const response = await fetch(serving.url.replace("ws:", "http:"));
    expect(response.status).toBe(426);
    await response.text();
    await expectAlive();
  });
});

describe("messages that make no sense", () => {
  /** A hand at the door: over a socket of its own, after hello. */
  const atTheDoor = async (): Promise<Meeting> => hand.greet((await frameChannel()).visit);
  const hour = HOUR;
  const random = repeatableRuntime("bad messages").random;

  const messages: readonly (readonly [string, string, (there: Meeting) => Promise<Uint8Array>])[] = [
    ["random bytes", "malformed", async () => random(300)],
    [
      "bytes that begin as a signed message does",
      "malformed",
      async () => new Uint8Array([0xd2, ...random(60)]),
    ],
    [
      "a sealed message cut short",
      "malformed",
      async (there) =>
        (await there.seal(await there.hand.sign(offerRequest, { to: there.merchant.uid }))).slice(0, -1),
    ],
    ["a message that is longer than its type allows", "too-large", async () => new Uint8Array(40_000)],
    [
      "a sealed message in which one bit differs",
      "unauthentic",
      async (there) => {
        const sealed = await there.seal(await there.hand.sign(offerRequest, { to: there.merchant.uid }));
        const middle = Math.floor(sealed.length / 2);
        sealed.set([given(sealed[middle]) ^ 1], middle);
        return sealed;
      },
    ],
    [
      "a message sealed to somebody else",
      "unauthentic",
      async (there) =>
        there.hand.sealToBroker(await there.hand.sign(offerRequest, { to: there.merchant.uid })),
    ],
    [
      "a message for another recipient",
      "wrong-recipient",
      async (there) => there.seal(await there.hand.sign(offerRequest, { to: there.hand.uid })),
    ],
    [
      "a message of another network",
      "wrong-network",
      async (there) =>
        there.seal(await there.hand.sign(offerRequest, { to: there.merchant.uid, network: there.hand.uid })),
    ],
    [
      "a message that has expired",
      "expired",
      async (there) => {
        const now = world.runtime.now();
        const dated = { issuedAt: now - hour, expiresAt: now };
        return there.seal(await there.hand.sign(offerRequest, { to: there.merchant.uid, ...dated }));
      },
    ],
    [
      "a message from the future",
      "future-dated",
      async (there) => {
        const issuedAt = world.runtime.now() + limits.clockSkew + 1;
        const dated = { issuedAt, expiresAt: issuedAt + 1 };
        return there.seal(await there.hand.sign(offerRequest, { to: there.merchant.uid, ...dated }));
      },
    ],
    [
      "a message that lives longer than a request may",
      "future-dated",
      async (there) => {
        const issuedAt = world.runtime.now();
        const dated = { issuedAt, expiresAt: issuedAt + limits.requestLife + 1 };
        return there.seal(await there.hand.sign(offerRequest, { to: there.merchant.uid, ...dated }));
      },
    ],
    [
      "a message with a field that nobody knows",
      "malformed",
      async (there) =>
        there.seal(
          await there.hand.sign(offerRequest, { to: there.merchant.uid }, (payload) => {
            payload.set(99, 1);
          }),
        ),
    ],
    [
      "a message in another peer's name",
      "unknown-peer",
      async (there) =>
        there.seal(await there.hand.sign(offerRequest, { to: there.merchant.uid, from: there.merchant.uid })),
    ],
    [
      "an amount of 0",
      "malformed",
      async (there) => {
        const zero = await there.hand.sign(
          vendorscripRequest,
          { to: there.merchant.uid, amount: euro("0.10"), minimumExpiry: 1, part: world.network },
          (payload) => {
            payload.set(10, ["EUR", 0]);
          },
        );
        return there.seal(zero, { attachments: [new Uint8Array(1)] });
      },
    ],
    ["a deeply nested message", "malformed", async () => new Uint8Array(2000).fill(0x81)],
    [
      "a message of a type that belongs to the broker",
      "wrong-type",
      async (there) => {
        const subject = { initiator: there.merchant.uid, subject: "A".repeat(22) };
        return there.seal(await there.hand.sign(query, { to: there.merchant.uid, ...subject }));
      },
    ],
    [
      "an amount over the bound",
      "malformed",
      async (there) => {
        const large = await there.hand.sign(
          vendorscripRequest,
          { to: there.merchant.uid, amount: euro("0.10"), minimumExpiry: 1, part: world.network },
          (payload) => {
            payload.set(10, ["EUR", new Tagged(2, Uint8Array.of(0x20, 0, 0, 0, 0, 0, 0))]);
          },
        );
        return there.seal(large, { attachments: [new Uint8Array(1)] });
      },
    ],
    [
      "a negative amount",
      "malformed",
      async (there) =>
        there.seal(
          await there.hand.sign(
            vendorscripRequest,
            { to: there.merchant.uid, amount: euro("0.10"), minimumExpiry: 1, part: world.network },
            (payload) => {
              payload.set(10, ["EUR", -1]);
            },
          ),
        ),
    ],
  ];

  test.each(messages)("%s: %s", async (_name, code, make) => {
    const there = await atTheDoor();
    const message = await make(there);
    const before = await contents();
    const replies = await there.visit([message]);
    expect(replies).toHaveLength(1);
    expect(errorCode(given(replies[0]))).toBe(code);
    expect(await contents()).toBe(before);
    // The same connection still serves.
    const honest = await there.purchase(
      spendingOf(await hand.holding(news.uid)),
      orderFor("article", "EUR 0.02"),
    );
    expect((await there.buy(honest)).ok).toBe(true);
  });

  test("a bad message ends nothing for the others of its frame", async () => {
    const there = await atTheDoor();
    const offer = async () => there.seal(await there.hand.sign(offerRequest, { to: there.merchant.uid }));
    const replies = await there.visit([await offer(), new Uint8Array([1]), await offer()]);
    expect(replies.map((reply) => isRefusal(decodeAs(errorCodec, reply)))).toEqual([true, false, true]);
  });

  test("whoever has not said hello is an unknown peer", async () => {
    const there = await atTheDoor();
    const { send } = await wire();
    const offer = await there.seal(await there.hand.sign(offerRequest, { to: there.merchant.uid }));
    expect(errorCode(await send(offer))).toBe("unknown-peer");
  });

  test("one peer's hello lets nobody else speak", async () => {
    const thieves = memoryPeerStore();
    await world.wallet({ store: thieves });
    const thief = await Hand.open({
      store: thieves,
      broker: world.broker,
      transport: world.transport,
      runtime: world.runtime,
    });
    const there = await atTheDoor();
    const asThief = new Meeting(thief, there.visit, there.merchant);
    const message = await asThief.seal(await thief.sign(offerRequest, { to: there.merchant.uid }));
    expect(errorCode(given((await there.visit([message]))[0]))).toBe("unknown-peer");
  });

  const greetings: readonly (readonly [string, string, () => Promise<Uint8Array>])[] = [
    [
      "a credential of another network",
      "unknown-peer",
      async () => {
        const other = await createWorld({ seed: "other" });
        const theirs = memoryPeerStore();
        const stranger = await Hand.open({
          store: theirs,
          broker: other.broker,
          transport: other.transport,
          runtime: other.runtime,
        });
        const credential = (await stranger.party.credential()).bytes;
        await other.close();
        return (await stranger.sign(hello, { to: "A".repeat(43), credential })).bytes;
      },
    ],
    [
      "a credential that is none",
      "unknown-peer",
      async () => (await hand.sign(hello, { to: "A".repeat(43), credential: new Uint8Array(100) })).bytes,
    ],
    [
      "somebody else's credential",
      "unauthentic",
      async () => {
        const other = memoryPeerStore();
        await world.wallet({ store: other });
        const thief = await Hand.open({
          store: other,
          broker: world.broker,
          transport: world.transport,
          runtime: world.runtime,
        });
        const { bytes: credential } = await hand.party.credential();
        return (await thief.sign(hello, { to: "A".repeat(43), credential })).bytes;
      },
    ],
    [
      "a recipient that is somebody else",
      "wrong-recipient",
      async () =>
        (await hand.sign(hello, { to: hand.uid, credential: (await hand.party.credential()).bytes })).bytes,
    ],
    [
      "a hello that has expired",
      "expired",
      async () => {
        const now = world.runtime.now();
        const credential = (await hand.party.credential()).bytes;
        return (await hand.sign(hello, { to: "A".repeat(43), credential, issuedAt: now - 2, expiresAt: now }))
          .bytes;
      },
    ],
  ];
  test.each(greetings)("hello with %s is refused with %s", async (_name, code, make) => {
    const greeting = await make();
    const before = await contents();
    const { send } = await wire();
    expect(errorCode(await send(greeting))).toBe(code);
    expect(await contents()).toBe(before);
    await expectAlive();
  });
});

describe("serving", () => {
  test("a merchant that closes ends every connection, and the wallet finds it again when it is back", async () => {
    await expectAlive();
    const port = Number(new URL(serving.url).port);
    await serving.close();
    expect(await codeOf(wallet.buy(serving.url, "article", { max: "EUR 0.02" }))).toBe("unreachable");
    serving = await news.serve({ port });
    await expectAlive();
  });

  test("closing does not wait for somebody who never finishes a request", async () => {
    const socket = connectTcp(Number(new URL(serving.url).port), "127.0.0.1");
    await once(socket, "connect");
    socket.on("error", () => {
      // The merchant ends it; that is what is asked for.
    });
    socket.write("GET / HTTP/1.1\r\nHost: ");
    await new Promise((resolve) => setTimeout(resolve, 20));
    const closed = serving.close().then(() => "closed");
    const late = new Promise<string>((resolve) => {
      setTimeout(() => resolve("still waiting"), 3000).unref();
    });
    const outcome = await Promise.race([closed, late]);
    socket.destroy();
    await closed;
    expect(outcome).toBe("closed");
  });

  test("a port that is taken is an error of serve, not of the process", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const { out, code } = await runScript(
      `
      import { createWorld } from ${JSON.stringify(new URL("./support/world.ts", import.meta.url).href)};
      const world = await createWorld();
      const merchant = await world.merchant("ws://unused/", { catalogue: {} });
      try {
        await merchant.serve({ port: ${port} });
        process.stdout.write("served");
      } catch {
        process.stdout.write("refused");
      }
      await world.close();
      `,
    );
    await new Promise((resolve) => taken.close(resolve));
    expect({ out, code }).toEqual({ out: "refused", code: 0 });
  });

  test("wss with a certificate that it is given; a customer that does not trust it stays away", async () => {
    const { cert, key } = selfSigned();
    const secure = await news.serve({ tls: { cert, key } });
    expect(secure.url).toMatch(/^wss:/);
    expect(await codeOf(wallet.offers(secure.url))).toBe("unreachable");
    // A process learns whom to trust when it starts: what an operator with a private authority does.
    const dir = mkdtempSync(join(tmpdir(), "lepta-tls-"));
    writeFileSync(join(dir, "ca.pem"), cert);
    const { out } = await runScript(
      `
      import { connectWebSocket } from ${JSON.stringify(import.meta.resolve("@lepta/peer-sdk"))};
      const channel = await connectWebSocket(${JSON.stringify(secure.url)});
      const [answer] = await channel.request([new Uint8Array([1])]);
      process.stdout.write(Buffer.from(answer).toString("hex"));
      channel.close();
      `,
      { NODE_EXTRA_CA_CERTS: join(dir, "ca.pem") },
    );
    rmSync(dir, { recursive: true, force: true });
    await secure.close();
    expect(errorCode(new Uint8Array(Buffer.from(out, "hex")))).toBe("malformed");
  });
});

describe("a merchant that makes no sense", () => {
  test.each([
    ["text", "hello"],
    ["random bytes", Buffer.from([1, 2, 3])],
  ])("a wallet that gets %s leaves and says unreachable", async (_name, nonsense) => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    server.on("connection", (socket) => socket.on("message", () => socket.send(nonsense)));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    expect(await codeOf(wallet.offers(`ws://127.0.0.1:${port}`))).toBe("unreachable");
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
    await expectAlive();
  });
});

/** A visit over a socket of its own. */
async function frameChannel() {
  const { ask } = await wire();
  return {
    visit: async (messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]> => {
      const answer = await ask(encodeAs(frameCodec, [3, messages]));
      return orThrow(decodeAs(frameCodec, bytesOf(answer)))[1];
    },
  };
}

async function runScript(
  script: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly out: string; readonly code: number | null }> {
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--no-warnings", "-e", script], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, ...environment },
  });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { out, code };
}
