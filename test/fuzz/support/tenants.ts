/** A broker with two enrolled peers whose hands a test moves, and a state that every block of inputs begins with. */
import { type Capability, createHandlers, type HttpHandler, routes, variable } from "@lepta/lambdas";
import { Merchant, type PartyOptions, Wallet, type WalletOptions } from "@lepta/peer-sdk";
import { decodeAs, errorCodec, isErrorCode, orThrow } from "@lepta/protocol";
import { Hand } from "../../peer-sdk/support/hand.ts";
import { createWorld, eventOf, HOUR, NEVER, type World } from "../../peer-sdk/support/world.ts";
import { standInSuite } from "../../support/stand-in-suite.ts";
import type { Outcome } from "./barrage.ts";
import { type RewindPeerStore, type RewindStore, rewindPeerStore, rewindStore } from "./rewind.ts";
import { stepsSoFar } from "./steps.ts";

export const SHOP = "ws://shop/";

/** What came of one request, and the bytes that answered it. */
export interface Answered extends Outcome {
  readonly body: Uint8Array;
}

export interface Tenants {
  readonly world: World;
  readonly table: RewindStore;
  readonly customerStore: RewindPeerStore;
  readonly merchantStore: RewindPeerStore;
  readonly customer: Hand;
  readonly merchant: Hand;
  /** Bodies of requests that were answered, by their route. */
  readonly sent: ReadonlyMap<string, readonly Uint8Array[]>;
  /** Sends a body through a door of handlers that began with this block. */
  send(route: string, body: Uint8Array | undefined, contentType?: string): Promise<Answered>;
  /** The merchant as it opens on its store; the one before is closed. */
  openShop(): Promise<Merchant>;
  /** What merchants were told of their handlers' faults and of their own. */
  readonly faults: readonly unknown[];
  /** The wallet as it opens on its store. */
  openWallet(options?: Partial<PartyOptions & WalletOptions>): Promise<Wallet>;
  /** Steps so far that were no broker's. */
  clientSteps(): number;
  /** Everything as it was when this was made. */
  rewind(): Promise<void>;
}

const catalogue = {
  page: { price: "EUR 0.02", description: "one page", deliver: () => "goods" },
  book: { price: "EUR 2.00", deliver: () => new Uint8Array(300) },
  broken: { price: "EUR 0.01", deliver: () => Promise.reject(new Error(OUT_OF_ORDER)) },
} as const;

/** What the handler of one item throws. */
export const OUT_OF_ORDER = "out of order";

const HOLD_TIME = HOUR / 2;

/** A wallet has topped up and bought from three VendorScrips, one of which is free to be paid out; both have sent their notices. */
export async function tenants(seed: string): Promise<Tenants> {
  const table = rewindStore();
  const world = await createWorld({
    suite: standInSuite(),
    seed,
    around: () => table,
    variables: { [variable.holdTime]: String(HOLD_TIME) },
  });
  const sent = new Map<string, Uint8Array[]>();
  let isRecording = true;
  let brokerSteps = 0;
  const transport: World["transport"] = async (method, url, body) => {
    const route = `${method} ${new URL(url).pathname}`;
    if (body !== undefined && isRecording) sent.set(route, [...(sent.get(route) ?? []), body]);
    const before = stepsSoFar();
    const answer = await world.transport(method, url, body);
    brokerSteps += stepsSoFar() - before;
    return answer;
  };
  const [customerStore, merchantStore] = [rewindPeerStore(), rewindPeerStore()];
  // Past the world's own list of what to close: a shop is opened anew for every block, a wallet for every reply that was taken.
  const faults: unknown[] = [];
  let shop: Merchant | undefined;
  const openShop = async (): Promise<Merchant> => {
    await shop?.close();
    const opened = await Merchant.open({
      broker: world.broker,
      runtime: world.runtime,
      suite: world.wiring.suite,
      noticeDelay: NEVER,
      store: merchantStore,
      onError: (error) => faults.push(error),
      transport,
      catalogue,
    });
    world.places.set(SHOP, () => opened.visit());
    shop = opened;
    return opened;
  };
  const openWallet: Tenants["openWallet"] = (options) =>
    Wallet.open({
      broker: world.broker,
      runtime: world.runtime,
      suite: world.wiring.suite,
      noticeDelay: NEVER,
      store: customerStore,
      connect: world.connect,
      transport,
      ...options,
    });
  const seller = await openShop();
  const wallet = await openWallet();
  await wallet.topUp("EUR 10.00");
  for (let i = 0; i < 2; i += 1) await wallet.buy(SHOP, "page", { max: "EUR 0.02" });
  // What was bought first is free to be paid out; what follows is held.
  world.runtime.advance(2 * HOLD_TIME);
  await wallet.buy(SHOP, "book", { max: "EUR 2.00", vendorScrip: "EUR 2.50" });
  await wallet.obtain(SHOP, "EUR 0.30");
  await wallet.flushNotices();
  await seller.flushNotices();
  const common = { broker: world.broker, runtime: world.runtime, suite: world.wiring.suite, transport };
  const [customer, merchant] = await Promise.all([
    Hand.open({ ...common, store: customerStore }),
    Hand.open({ ...common, store: merchantStore }),
  ]);
  isRecording = false;
  table.keep();
  await customerStore.keep();
  await merchantStore.keep();

  let handlers = handlersOf(world);
  return {
    world,
    table,
    customerStore,
    merchantStore,
    customer,
    merchant,
    sent,
    openShop,
    faults,
    openWallet,
    clientSteps: () => stepsSoFar() - brokerSteps,
    send: async (route, body, contentType) => {
      const [method = "", path = ""] = route.split(" ");
      const capability = routes.find((each) => `${each.method} ${each.path}` === route)?.capability ?? "keys";
      const [commits, steps] = [table.commits, stepsSoFar()];
      const result = await handlers[capability](eventOf(method, path, body, contentType));
      const bytes = new Uint8Array(Buffer.from(result.body ?? "", "base64"));
      return {
        code: result.statusCode === 200 ? undefined : codeOf(bytes),
        body: bytes,
        commits: table.commits - commits,
        steps: stepsSoFar() - steps,
      };
    },
    rewind: async () => {
      await Promise.all([table.rewind(), customerStore.rewind(), merchantStore.rewind()]);
      // A warm function remembers peers by their serial, which a step back in time makes ambiguous.
      handlers = handlersOf(world);
    },
  };
}

function codeOf(body: Uint8Array): string {
  const { code } = orThrow(decodeAs(errorCodec, body));
  if (!isErrorCode(code)) throw new Error(`an error that is not in the table: ${code}`);
  return code;
}

const handlersOf = ({ wiring }: World): Readonly<Record<Capability, HttpHandler>> => createHandlers(wiring);
