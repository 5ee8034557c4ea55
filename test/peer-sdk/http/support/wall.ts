/** A paywall and a wallet whose fetch reaches it, without a socket. */
import {
  memoryPeerStore,
  type OpenPaywall,
  type PaywallOptions,
  type PeerStore,
  paywall,
  type Routes,
  type Runtime,
  type Wallet,
} from "@lepta/peer-sdk";
import type { Serve } from "../../../../peer-sdk/src/http/paywall-port.ts";
import { createWorld, NEVER, type World, type WorldOptions } from "../../support/world.ts";

export const SHOP = "wss://shop.example/pay";
export const SITE = "https://shop.example";

export interface Wall {
  readonly world: World;
  wall: OpenPaywall;
  readonly wallet: Wallet;
  readonly store: PeerStore;
  /** Every request that reached the site, with the answer's status. */
  readonly log: { readonly request: Request; readonly status: number }[];
  /** What the site's handler does. */
  serve: (request: Request, ...rest: Parameters<Serve>) => ReturnType<Serve>;
  /** The network: a plain fetch that leads to the site. */
  readonly fetch: typeof fetch;
  /** What happens to a request and its answer on the way; undefined passes. */
  passage: ((request: Request, pass: () => Promise<Response>) => Promise<Response>) | undefined;
  /** Time passes for the paywall: what it was to do later is done. */
  readonly pass: (milliseconds: number) => void;
  /** What follows from what has happened has happened. */
  readonly settled: () => Promise<void>;
  /** The paywall's process ends and another begins on the same store. */
  readonly restart: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function createWall(
  routes: Routes,
  {
    world: options,
    wall: more = {},
  }: { readonly world?: WorldOptions; readonly wall?: Partial<PaywallOptions> } = {},
): Promise<Wall> {
  const world = await createWorld({ sessions: true, ...options });
  const store = memoryPeerStore();
  const timers = new Set<{ readonly at: number; readonly work: () => void }>();
  const runtime: Runtime = {
    ...world.runtime,
    later: (milliseconds, work) => {
      const timer = { at: world.runtime.now() + milliseconds, work };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  const open = async (): Promise<OpenPaywall> => {
    const wall = await paywall({
      broker: world.broker,
      store,
      runtime,
      transport: world.transport,
      noticeDelay: NEVER,
      onError: (error) => (world.faults as unknown[]).push(error),
      routes,
      address: SHOP,
      isServing: false,
      ...more,
    });
    world.places.set(SHOP, () => wall.merchant.visit());
    return wall;
  };
  const wallet = await world.wallet();
  await wallet.topUp("EUR 5.00");
  const it: Wall = {
    world,
    wall: await open(),
    wallet,
    store,
    log: [],
    serve: () => new Response("the report", { headers: { "content-type": "text/plain" } }),
    passage: undefined,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const pass = async (): Promise<Response> => {
        const copy = request.clone();
        const answer = await it.wall.handle(request.clone(), (payment) => it.serve(copy, payment));
        it.log.push({ request, status: answer.status });
        return answer;
      };
      return it.passage === undefined ? pass() : it.passage(request, pass);
    },
    pass: (milliseconds) => {
      world.runtime.advance(milliseconds);
      for (const timer of [...timers]) {
        if (timer.at > world.runtime.now() || !timers.delete(timer)) continue;
        timer.work();
      }
    },
    settled: async () => {
      for (let i = 0; i < 50; i += 1) await new Promise(setImmediate);
    },
    restart: async () => {
      await it.wall.close();
      it.wall = await open();
    },
    close: async () => {
      await world.close();
      await it.wall.close();
    },
  };
  return it;
}
