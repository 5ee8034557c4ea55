/** A whole broker without sockets: the production handlers over a store and a key service of the test's choice. */
import {
  type BrokerBooks,
  brokerBooks,
  type Capability,
  createHandlers,
  type HttpHandler,
  type Observer,
  readEnvironment,
  rotateKeys,
  rotationOf,
  type Store,
  scheduledFunctions,
  type Variables,
  variable,
  type Wiring,
} from "@lepta/lambdas";
import { memoryKeyService } from "@lepta/lambdas/memory/key-service";
import { memoryStore } from "@lepta/lambdas/memory/store";
import { silentObserver } from "@lepta/lambdas/ports/observer";
import type { Scan } from "@lepta/lambdas/ports/scan";
import {
  type BrokerKeys,
  decodeAs,
  defaultSuite,
  ERROR_MEDIA_TYPE,
  errorCodec,
  orThrow,
  type Suite,
  verifyBrokerKeys,
} from "@lepta/protocol";
import { apiEvent, routeOf } from "./api-event.ts";
import { type DynoxideOptions, dynoxideTable, type StoredItem } from "./dynoxide-table.ts";
import { type TestRuntime, testRuntime } from "./runtime.ts";

/** What came back through a door. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
  /** The code of a typed error; undefined where the answer is none. */
  readonly code: string | undefined;
}

export interface BrokerUnderTest {
  readonly runtime: TestRuntime;
  readonly wiring: Wiring;
  readonly handlers: Readonly<Record<Capability, HttpHandler>>;
  /** Thumbprint of the root key. */
  readonly network: string;
  /** Sends bytes through a door, named as in `"POST /enrol"`. */
  call(route: string, body?: Uint8Array, contentType?: string): Promise<HttpAnswer>;
  /** The broker's keys as a peer reads and checks them now. */
  keys(): Promise<BrokerKeys>;
  /** Runs the schedule that finishes what was interrupted. */
  finish(): Promise<{ readonly seen: number; readonly decided: number; readonly failed: number }>;
  rotate(): Promise<{ readonly made: number }>;
  /** All items of the table, in the order of their keys. */
  items(): Promise<readonly StoredItem[]>;
  books(): Promise<BrokerBooks>;
  close(): Promise<void>;
}

export interface BrokerOptions {
  readonly runtime?: TestRuntime;
  /** Further variables of the functions' environment. */
  readonly variables?: Variables;
  /** Stands between the handlers and the store: to count, to delay or to fail. */
  readonly around?: (store: Store) => Store;
  /** The default suite, unless a test needs so many messages that it brings a stand-in. */
  readonly suite?: Suite;
  /** Hears what the broker tells; nobody does unless told otherwise. */
  readonly observer?: Observer;
}

/** A broker in memory with rotated keys. */
export async function memoryBroker(options: BrokerOptions = {}): Promise<BrokerUnderTest> {
  const store = memoryStore();
  return brokerOver(
    store,
    store.scan,
    async () => store.items(),
    async () => {},
    options,
  );
}

/** The same broker over DynamoDB's protocol; `close` ends the engine. */
export async function dynoxideBroker(
  options: BrokerOptions & DynoxideOptions = {},
): Promise<BrokerUnderTest> {
  const runtime = options.runtime ?? testRuntime();
  const table = await dynoxideTable(runtime, options);
  return brokerOver(table.store, table.scan, table.items, table.close, { ...options, runtime });
}

async function brokerOver(
  inner: Store,
  scan: Scan,
  items: () => Promise<readonly StoredItem[]>,
  close: () => Promise<void>,
  options: BrokerOptions,
): Promise<BrokerUnderTest> {
  const {
    runtime = testRuntime(),
    variables = {},
    around = (store) => store,
    suite = defaultSuite,
    observer = silentObserver,
  } = options;
  const environment = readEnvironment({
    [variable.table]: "lepta-test",
    [variable.rootKey]: "root",
    [variable.wrappingKey]: "wrapping",
    [variable.currency]: "EUR",
    ...variables,
  });
  const keyService = await memoryKeyService(runtime.random);
  const base = { environment, keyService, suite, runtime, scan, observer };
  // Keys are made past whatever stands around the store, so that a test's crash points begin with its own request.
  const { network } = await rotateKeys(rotationOf({ ...base, store: inner }));
  const wiring: Wiring = { ...base, store: around(inner) };
  const handlers = createHandlers(wiring);
  const call = async (name: string, body?: Uint8Array, contentType?: string): Promise<HttpAnswer> =>
    readAnswer(await handlers[routeOf(name).capability](apiEvent(name, body, contentType)));
  return {
    runtime,
    wiring,
    handlers,
    network,
    call,
    keys: async () =>
      orThrow(await verifyBrokerKeys((await call("GET /keys")).body, network, suite, runtime.now())),
    finish: () => scheduledFunctions.finish(wiring)({}),
    rotate: () => scheduledFunctions.rotate(wiring)({}),
    items,
    books: async () => brokerBooks(await items(), environment.policy.currency, runtime.now()),
    close,
  };
}

function readAnswer(result: Awaited<ReturnType<HttpHandler>>): HttpAnswer {
  const { statusCode = 200, headers = {}, body = "", isBase64Encoded = false } = result;
  const bytes = new Uint8Array(Buffer.from(body, isBase64Encoded ? "base64" : "utf8"));
  const contentType = String(headers["content-type"] ?? "");
  const isError = contentType === ERROR_MEDIA_TYPE;
  return {
    status: statusCode,
    contentType,
    body: bytes,
    code: isError ? orThrow(decodeAs(errorCodec, bytes)).code : undefined,
  };
}
