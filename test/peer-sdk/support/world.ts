/** A broker over the memory adapters, and peers around it that need no socket: the ports carry everything. */
import { createHash } from "node:crypto";
import {
  type BrokerBooks,
  brokerBooks,
  createHandlers,
  readEnvironment,
  rotateKeys,
  rotationOf,
  routes,
  type Store,
  scheduledFunctions,
  type Variables,
  variable,
  type Wiring,
} from "@lepta/lambdas";
import { memoryKeyService } from "@lepta/lambdas/memory/key-service";
import { memoryStore } from "@lepta/lambdas/memory/store";
import { silentObserver } from "@lepta/lambdas/ports/observer";
import {
  type BrokerTransport,
  type Catalogue,
  type Channel,
  type ConnectChannel,
  LeptaError,
  Merchant,
  memoryPeerStore,
  type PartyOptions,
  type PeerStore,
  type Runtime,
  type ShopOptions,
  systemRuntime,
  type Visit,
  Wallet,
  type WalletOptions,
  type Wire,
  type WireEvents,
} from "@lepta/peer-sdk";
import { defaultSuite, type Suite } from "@lepta/protocol";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { type MortalLog, mortalLog } from "../../support/mortal-log.ts";

export const MINUTE = 60 * 1000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Notices wait until a test sends them: no test depends on when a timer fires. */
export const NEVER = 2 ** 30;

/** A clock that only a test moves, randomness that repeats itself, and sleep that takes no time. */
export interface WorldRuntime extends Runtime {
  advance(milliseconds: number): void;
}

export function repeatableRuntime(seed: string, startAt = Date.UTC(2027, 0, 1)): WorldRuntime {
  let now = startAt;
  let drawn = 0;
  return {
    now: () => now,
    random: (length) => {
      const blocks: Uint8Array[] = [];
      for (let have = 0; have < length; have += 32) {
        blocks.push(createHash("sha256").update(`${seed} ${drawn}`).digest());
        drawn += 1;
      }
      return new Uint8Array(Buffer.concat(blocks).subarray(0, length));
    },
    sleep: () => new Promise((resolve) => setImmediate(resolve)),
    later: systemRuntime.later,
    advance: (milliseconds) => {
      now += milliseconds;
    },
  };
}

/** What a test lets happen on the way of a message. */
export interface Line {
  /** How many messages have entered. */
  count: number;
  /** What happens to the message with this number, from 1. */
  fault: Fault | undefined;
}

export interface Fault {
  readonly at: number;
  /** `lost-…` concerns one message; after `cut-…` nothing passes until the fault is taken away. */
  readonly kind: "lost-request" | "lost-response" | "duplicate" | "cut-request" | "cut-response";
}

export const newLine = (): Line => ({ count: 0, fault: undefined });

/** Carries one message over a line: whether it is delivered, how often, and whether its answer comes back. */
async function carry<T>(line: Line, deliver: () => Promise<T>): Promise<T> {
  line.count += 1;
  const { fault } = line;
  const isDue = fault?.at === line.count;
  const isCut = fault?.kind.startsWith("cut") === true && line.count > fault.at;
  if (isCut || (isDue && (fault.kind === "lost-request" || fault.kind === "cut-request")))
    throw new LeptaError("unreachable", "the test lost the request");
  if (isDue && fault.kind === "duplicate") await deliver();
  const answer = await deliver();
  if (isDue && (fault.kind === "lost-response" || fault.kind === "cut-response"))
    throw new LeptaError("unreachable", "the test lost the response");
  return answer;
}

/** A broker's transport over a line. */
export const lossyTransport =
  (transport: BrokerTransport, line: Line): BrokerTransport =>
  (method, url, body) =>
    carry(line, () => transport(method, url, body));

/** Channels whose requests go over a line. */
export const lossyConnect =
  (connect: ConnectChannel, line: Line): ConnectChannel =>
  async (url) => {
    const channel = await connect(url);
    const { wire } = channel;
    return {
      get isOpen() {
        return channel.isOpen;
      },
      ...(wire === undefined ? {} : { wire: lossyWire(wire, line) }),
      request: (messages) => carry(line, () => channel.request(messages)),
      close: () => channel.close(),
    };
  };

/** A customer's end of a wire over a line: with a message that is lost the wire is. Nothing comes twice on it. */
function lossyWire(wire: Wire, line: Line): Wire {
  const passes = (way: "request" | "response"): boolean => {
    line.count += 1;
    const { fault } = line;
    const isDue = fault?.at === line.count && fault.kind.endsWith(way);
    return !isDue && !(fault?.kind.startsWith("cut") === true && line.count > fault.at);
  };
  return guardedWire(
    wire,
    () => passes("request"),
    () => passes("response"),
  );
}

/** A wire of a process that may die: from then on it says and hears nothing, and the other end is told. */
export const mortalWire = (wire: Wire, isDead: () => boolean): Wire =>
  guardedWire(
    wire,
    () => !isDead(),
    () => !isDead(),
  );

/** A wire that breaks with the first message that may not leave, or may not come. */
const guardedWire = (wire: Wire, mayLeave: () => boolean, mayCome: () => boolean): Wire => ({
  send: (bytes) => (mayLeave() ? wire.send(bytes) : wire.close()),
  get unsent() {
    return wire.unsent;
  },
  pause: () => wire.pause(),
  resume: () => wire.resume(),
  close: () => wire.close(),
  listen: (events) =>
    wire.listen({
      message: (bytes) => (mayCome() ? events.message(bytes) : wire.close()),
      closed: () => events.closed(),
    }),
});

/** The process that used a store is gone: whatever it still does reaches nothing. */
export class Crash extends Error {}

export interface MortalStore extends PeerStore {
  readonly isDead: () => boolean;
  readonly commits: () => number;
}

/** A store whose process dies at the n-th commit, or sync of a log: just before it, or just after it was durable. */
export function mortalStore(
  inner: PeerStore,
  death?: { readonly at: number; readonly when: "before" | "after" },
): MortalStore {
  let isDead = false;
  let commits = 0;
  const logs: MortalLog[] = [];
  const alive = <T>(work: () => Promise<T>): Promise<T> =>
    isDead ? Promise.reject(new Crash("dead")) : work();
  const die = (): void => {
    isDead = true;
    for (const log of logs) log.die(() => 0);
  };
  const commit = (effect: () => Promise<void>): Promise<void> =>
    alive(async () => {
      commits += 1;
      const isLast = commits === death?.at;
      if (isLast && death?.when === "before") {
        die();
        throw new Crash("before the commit");
      }
      if (isLast) isDead = true;
      await effect();
      if (!isLast) return;
      die();
      throw new Crash("after the commit");
    });
  return {
    get: (key) => alive(() => inner.get(key)),
    list: (prefix, options) => alive(() => inner.list(prefix, options)),
    commit: (changes) => commit(() => inner.commit(changes)),
    openLog: (name) =>
      alive(async () => {
        const { log, found } = await inner.openLog(name);
        const mortal = mortalLog(log, { isDead: () => isDead, around: commit });
        logs.push(mortal);
        return { log: mortal.log, found };
      }),
    close: async () => {},
    isDead: () => isDead,
    commits: () => commits,
  };
}

export type MemoryTable = ReturnType<typeof memoryStore>;

export interface World {
  readonly runtime: WorldRuntime;
  readonly table: MemoryTable;
  readonly wiring: Wiring;
  readonly network: string;
  /** With the pin. */
  readonly broker: string;
  readonly transport: BrokerTransport;
  /** Calls a handler with a body as it came over the network. */
  readonly call: (
    path: string,
    body?: Uint8Array,
    options?: { readonly contentType?: string; readonly method?: "GET" | "POST" },
  ) => Promise<{ readonly status: number; readonly contentType: string; readonly body: Uint8Array }>;
  /** Finds merchants by their address. */
  readonly connect: ConnectChannel;
  /** What an address leads to; undefined where nobody is at home. */
  readonly places: Map<string, () => Visit>;
  /** What merchants were told of their handlers' faults and of their own, in its order: nothing is printed. */
  readonly faults: readonly unknown[];
  readonly books: () => BrokerBooks;
  readonly finish: () => Promise<void>;
  readonly rotate: () => Promise<void>;
  readonly wallet: (options?: Partial<PartyOptions & WalletOptions>) => Promise<Wallet>;
  /** Opens a merchant and puts it at an address. */
  readonly merchant: (
    url: string,
    options: Partial<PartyOptions & ShopOptions> & { readonly catalogue: Catalogue },
  ) => Promise<Merchant>;
  readonly close: () => Promise<void>;
}

export interface WorldOptions {
  readonly seed?: string;
  readonly variables?: Variables;
  /** Stands between the handlers and the table. */
  readonly around?: (store: Store) => Store;
  /** Of the broker and of every peer. */
  readonly suite?: Suite;
  /** Whether peers have sessions with each other: without them every message between them has an envelope of its own. */
  readonly sessions?: boolean;
  /** Hears what the broker tells; nobody does unless told otherwise. */
  readonly observer?: Wiring["observer"];
}

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const { suite = defaultSuite } = options;
  const runtime = repeatableRuntime(options.seed ?? "world");
  const table = memoryStore();
  const wiring: Wiring = {
    environment: readEnvironment({
      [variable.table]: "memory",
      [variable.rootKey]: "memory",
      [variable.wrappingKey]: "memory",
      [variable.currency]: "EUR",
      ...options.variables,
    }),
    store: options.around?.(table) ?? table,
    scan: table.scan,
    keyService: await memoryKeyService(runtime.random),
    suite,
    runtime,
    observer: options.observer ?? silentObserver,
  };
  const { network } = await rotateKeys(rotationOf(wiring));
  const handlers = createHandlers(wiring);
  const finish = scheduledFunctions.finish(wiring);
  const closers: (() => Promise<void>)[] = [];
  const places = new Map<string, () => Visit>();
  const faults: unknown[] = [];
  const onError = (error: unknown): void => {
    faults.push(error);
  };
  const base = "http://127.0.0.1:8787";

  const call: World["call"] = async (
    path,
    body,
    { contentType = "application/cose", method = "POST" } = {},
  ) => {
    const route = routes.find((each) => each.path === path && each.method === method);
    const handler = handlers[route?.capability ?? "keys"];
    const result = await handler(eventOf(method, path, body, contentType));
    return {
      status: result.statusCode ?? 200,
      contentType: String(result.headers?.["content-type"] ?? ""),
      body: new Uint8Array(Buffer.from(result.body ?? "", "base64")),
    };
  };
  const transport: BrokerTransport = (method, url, body) => call(new URL(url).pathname, body, { method });
  const connect: ConnectChannel = async (url) => {
    const place = places.get(url);
    if (place === undefined) throw new LeptaError("unreachable", url);
    const isThere = () => places.get(url) === place;
    return options.sessions ? wiredTo(place(), isThere) : channelTo(place(), isThere);
  };
  const common = { broker: `${base}#${network}`, suite, runtime, transport, noticeDelay: NEVER } as const;
  const world: World = {
    runtime,
    table,
    wiring,
    network,
    broker: common.broker,
    transport,
    call,
    connect,
    places,
    faults,
    books: () => brokerBooks(table.items(), "EUR", runtime.now()),
    finish: async () => {
      await finish({});
    },
    rotate: async () => {
      await rotateKeys(rotationOf(wiring));
    },
    wallet: async (more = {}) => {
      const wallet = await Wallet.open({ ...common, store: memoryPeerStore(), connect, ...more });
      closers.push(() => wallet.close());
      return wallet;
    },
    merchant: async (url, more) => {
      const merchant = await Merchant.open({ ...common, store: memoryPeerStore(), onError, ...more });
      closers.push(() => merchant.close());
      places.set(url, () => merchant.visit());
      return merchant;
    },
    close: async () => {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
  return world;
}

/** What a test does with the messages of one frame on their way to a merchant, and with the answers on theirs back. */
export type Passage = (
  messages: readonly Uint8Array[],
  pass: () => Promise<readonly Uint8Array[]>,
  url: string,
) => Promise<readonly Uint8Array[]>;

/** Channels whose frames go through the hands of a test. */
export const through =
  (connect: ConnectChannel, passage: Passage): ConnectChannel =>
  async (url) => {
    const channel = await connect(url);
    return {
      get isOpen() {
        return channel.isOpen;
      },
      request: (messages) => passage(messages, () => channel.request(messages), url),
      close: () => channel.close(),
    };
  };

/** A channel that leads to a visit without a socket; bytes are copied, as a socket would. */
export function channelTo(visit: Visit, isThere: () => boolean = () => true): Channel {
  let isOpen = true;
  return {
    get isOpen() {
      return isOpen && isThere();
    },
    request: async (messages) => {
      if (!isOpen || !isThere()) throw new LeptaError("unreachable", "closed");
      const answers = await visit(messages.map((each) => each.slice()));
      if (!isThere()) throw new LeptaError("unreachable", "gone");
      return answers.map((each) => each.slice());
    },
    close: () => {
      isOpen = false;
    },
  };
}

/** The same with a wire for sessions beside the frames. `hear` is told of every message of a session, and says whether it arrives. */
export function wiredTo(
  visit: Visit,
  isThere: () => boolean = () => true,
  hear: (message: Heard) => boolean = () => true,
): Channel {
  const channel = channelTo(visit, isThere);
  const [ours, theirs] = wirePair(hear);
  visit.attach?.(theirs);
  return {
    get isOpen() {
      return channel.isOpen && ours.isOpen;
    },
    wire: ours,
    request: (messages) => {
      if (!ours.isOpen) return Promise.reject(new LeptaError("unreachable", "closed"));
      return channel.request(messages);
    },
    close: () => {
      channel.close();
      ours.close();
    },
  };
}

/** Who sends. */
export type Side = "customer" | "merchant";

/** A message of a session on its way. */
export interface Heard {
  readonly from: Side;
  readonly bytes: Uint8Array;
  /** Nothing passes any more; a side that is `untold` goes on believing that the connection stands. */
  cut(untold?: Side): void;
}

/** One end of a wire in memory. */
export interface TestWire extends Wire {
  readonly isOpen: boolean;
}

/**
 * Both ends of a wire, the customer's first: what one sends the other hears in a later turn, copied and in order, for as long as
 * both are open.
 */
export function wirePair(
  hear: (message: Heard) => boolean = () => true,
): readonly [customers: TestWire, merchants: TestWire] {
  let isOpen = true;
  const ends = { customer: newEnd(), merchant: newEnd() };
  const told = new Set<Side>();
  const tell = (side: Side): void => {
    if (told.has(side)) return;
    told.add(side);
    ends[side].tell("closed");
  };
  const cut = (untold?: Side): void => {
    isOpen = false;
    for (const side of ["customer", "merchant"] as const) if (side !== untold) tell(side);
  };
  const wireOf = (own: Side, other: Side): TestWire => ({
    get isOpen() {
      return isOpen;
    },
    send: (bytes) => {
      if (isOpen && hear({ from: own, bytes, cut }) && isOpen) ends[other].tell(bytes.slice());
    },
    unsent: 0,
    pause: () => ends[own].pause(),
    resume: () => ends[own].resume(),
    close: () => {
      // A socket that was cut off is told so by its own end.
      if (isOpen) cut();
      else tell(own);
    },
    listen: (events) => ends[own].listen(events),
  });
  return [wireOf("customer", "merchant"), wireOf("merchant", "customer")];
}

interface End {
  tell(what: Uint8Array | "closed"): void;
  listen(events: WireEvents): void;
  pause(): void;
  resume(): void;
}

function newEnd(): End {
  const waiting: (Uint8Array | "closed")[] = [];
  let events: WireEvents | undefined;
  let paused = 0;
  let isTelling = false;
  const tellSoon = (): void => {
    if (isTelling) return;
    isTelling = true;
    setImmediate(() => {
      isTelling = false;
      while (paused === 0 && events !== undefined) {
        const what = waiting.shift();
        if (what === undefined) return;
        if (what === "closed") events.closed();
        else events.message(what);
      }
    });
  };
  return {
    tell: (what) => {
      waiting.push(what);
      tellSoon();
    },
    listen: (listener) => {
      events = listener;
      tellSoon();
    },
    pause: () => {
      paused += 1;
    },
    resume: () => {
      paused -= 1;
      tellSoon();
    },
  };
}

export function eventOf(
  method: string,
  path: string,
  body: Uint8Array | undefined,
  contentType = "application/cose",
): APIGatewayProxyEventV2 {
  const routeKey = `${method} ${path}`;
  return {
    version: "2.0",
    routeKey,
    rawPath: path,
    rawQueryString: "",
    headers: body === undefined ? {} : { "content-type": contentType },
    requestContext: {
      accountId: "000000000000",
      apiId: "test",
      domainName: "127.0.0.1",
      domainPrefix: "127",
      http: { method, path, protocol: "HTTP/1.1", sourceIp: "127.0.0.1", userAgent: "test" },
      requestId: "test",
      routeKey,
      stage: "$default",
      time: "",
      timeEpoch: 0,
    },
    ...(body === undefined ? {} : { body: Buffer.from(body).toString("base64") }),
    isBase64Encoded: true,
  };
}

/** The code that a promise is rejected with; fails the test where it is fulfilled, or rejected with something else. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof LeptaError) return error.code;
    throw error;
  }
  return "no error";
}
