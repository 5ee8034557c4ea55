/**
 * Every commit at which a process can die and every message that can be lost, doubled or cut off: all of them, one after
 * the other. Afterwards both sides open again, and what the wallet holds is what the issuers say.
 */
import {
  type Catalogue,
  type Channel,
  LeptaError,
  type Merchant,
  memoryPeerStore,
  type PeerStore,
  type Visit,
  type Wallet,
  type Wire,
} from "@lepta/peer-sdk";
import { describe, expect, test } from "vitest";
import { creditOf, expectSettled } from "./support/audit.ts";
import {
  Crash,
  createWorld,
  type Fault,
  type Line,
  lossyConnect,
  lossyTransport,
  type MortalStore,
  mortalStore,
  mortalWire,
  newLine,
  type World,
} from "./support/world.ts";

const NEWS = "ws://news.example/pay";

/** How purchases are signed: every message in an envelope of its own, or in sessions by themselves, or there under statements. */
const modes = ["in envelopes", "in sessions, each by itself", "in sessions, under statements"] as const;
type Mode = (typeof modes)[number];
/** Messages before the first request when a connection that broke is opened again: a handshake, and a lane taken up. */
const MEETING: Readonly<Record<Mode, number>> = {
  "in envelopes": 0,
  "in sessions, each by itself": 4,
  "in sessions, under statements": 6,
};

/** One customer, one merchant, and everything between them that can fail. */
class Scene {
  readonly world: World;
  readonly mode: Mode;
  readonly walletInner: PeerStore = memoryPeerStore();
  readonly shelfInner: PeerStore = memoryPeerStore();
  readonly customerToBroker: Line = newLine();
  readonly merchantToBroker: Line = newLine();
  readonly customerToMerchant: Line = newLine();
  /** How often the handler ran for each purchase. */
  readonly delivered = new Map<string, number>();
  walletStore: MortalStore = mortalStore(this.walletInner);
  shelfStore: MortalStore = mortalStore(this.shelfInner);
  wallet: Wallet | undefined;
  merchant: Merchant | undefined;

  constructor(world: World, mode: Mode) {
    this.world = world;
    this.mode = mode;
  }

  get signature(): "each" | "statement" {
    return this.mode === "in sessions, under statements" ? "statement" : "each";
  }

  async openMerchant(death?: Parameters<typeof mortalStore>[1]): Promise<Merchant> {
    await this.merchant?.close().catch(gone);
    this.shelfStore = mortalStore(this.shelfInner, death);
    const store = this.shelfStore;
    const catalogue: Catalogue = {
      article: {
        price: "EUR 0.02",
        deliver: ({ id }) => {
          this.delivered.set(id, (this.delivered.get(id) ?? 0) + 1);
          return `text for ${id}`;
        },
      },
    };
    this.merchant = await this.world.merchant(NEWS, {
      store,
      catalogue,
      transport: lossyTransport(this.world.transport, this.merchantToBroker),
    });
    const { merchant } = this;
    this.world.places.set(NEWS, () => {
      const visit = merchant.visit();
      const answer = async (messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]> => {
        if (store.isDead()) throw new LeptaError("unreachable", "the merchant has crashed");
        const answers = await visit(messages);
        // A process that died while it worked sends nothing.
        if (store.isDead()) throw new LeptaError("unreachable", "the merchant has crashed");
        return answers;
      };
      const attach: Visit["attach"] = (wire) => visit.attach?.(mortalWire(wire, store.isDead));
      return Object.assign(answer, { attach });
    });
    return merchant;
  }

  async openWallet(death?: Parameters<typeof mortalStore>[1]): Promise<Wallet> {
    await this.wallet?.close().catch(gone);
    this.walletStore = mortalStore(this.walletInner, death);
    const { isDead } = this.walletStore;
    const connect = lossyConnect(this.world.connect, this.customerToMerchant);
    this.wallet = await this.world.wallet({
      store: this.walletStore,
      transport: lossyTransport(this.world.transport, this.customerToBroker),
      connect: async (url) => {
        const channel = await connect(url);
        const { wire } = channel;
        return wire === undefined ? channel : withWire(channel, mortalWire(wire, isDead));
      },
    });
    return this.wallet;
  }

  /** What a customer does; it goes on after what was refused or lost, until its own process dies. */
  async play(wallet: Wallet): Promise<void> {
    const steps: readonly (() => Promise<unknown>)[] = [
      () => wallet.topUp("EUR 1.00"),
      () => wallet.obtain(NEWS, "EUR 0.03"),
      () => this.buy(wallet),
      () => wallet.topUp("EUR 0.50"),
      // 0.01 is left of the first scrip: this one obtains another.
      () => this.buy(wallet, "EUR 0.05"),
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        if (error instanceof Crash) return;
        if (!(error instanceof LeptaError)) throw error;
      }
    }
  }

  /** One article, signed as the mode says. */
  buy(wallet: Wallet, vendorScrip?: string): Promise<unknown> {
    return wallet.buy(NEWS, "article", {
      max: "EUR 0.02",
      signature: this.signature,
      ...(vendorScrip === undefined ? {} : { vendorScrip }),
    });
  }

  /** What was bought on lanes has its answers, and the lanes are closed: what they held is scrip like any other. */
  async closeLanes(wallet: Wallet): Promise<Wallet> {
    if (this.signature === "each") return wallet;
    await wallet.resume();
    for (let turn = 0; turn < 200 && (await wallet.pending()).length > 0; turn += 1) {
      if (turn % 20 === 0) await wallet.resume();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.openWallet();
  }

  heal(): void {
    for (const line of [this.customerToBroker, this.merchantToBroker, this.customerToMerchant])
      line.fault = undefined;
  }

  /** Both open again, what was under way ends, and money is where the tables say it is. */
  async expectWhole(): Promise<void> {
    this.heal();
    const merchant = await this.openMerchant();
    let wallet = await this.openWallet();
    await wallet.resume();
    wallet = await this.closeLanes(wallet);
    const customers = [{ uid: wallet.uid, store: this.walletInner }];
    const merchants = [{ uid: merchant.uid, store: this.shelfInner }];
    await expectSettled(this.world, customers, merchants);
    const { moneyIn, liveBrokerScrip, owedToMerchants } = this.world.books();
    expect(moneyIn).toBe(liveBrokerScrip + owedToMerchants);
    const ok = (await merchant.sales()).filter((sale) => sale.ok);
    expect((await merchant.books("EUR")).sold).toBe(BigInt(ok.length) * 20_000n);
    const bought = (await wallet.history()).filter(
      ({ kind, outcome }) => kind === "purchase" && outcome === "done",
    );
    expect(bought, "what was sold is what the wallet has receipts for").toHaveLength(ok.length);
    // And it still works.
    if ((await wallet.balance()).brokerScrip === undefined) await wallet.topUp("EUR 1.00");
    await this.buy(wallet);
    wallet = await this.closeLanes(wallet);
    await expectSettled(this.world, customers, merchants);
    expect(creditOf(this.world, merchant.uid)).toBe(this.world.books().owedToMerchants);
    await wallet.flushNotices();
    await merchant.flushNotices();
    await expectNoticesMatch(this.world);
  }
}

/** One process at a time has a directory. One that has crashed closes nothing. */
function gone(error: unknown): void {
  if (!(error instanceof Crash)) onlyLepta(error);
}

const withWire = (channel: Channel, wire: Wire): Channel => ({
  get isOpen() {
    return channel.isOpen;
  },
  wire,
  request: (messages) => channel.request(messages),
  close: () => channel.close(),
});

async function expectNoticesMatch(world: World): Promise<void> {
  const pairs = world.table.items().filter(({ key }) => key.pk.startsWith("PAIR#"));
  expect(pairs.map(({ item }) => item.state).filter((state) => state !== "matched")).toEqual([]);
}

/** Plays with one fault; tells whether the fault was reached at all. */
async function withScene(
  run: (scene: Scene) => Promise<boolean>,
  seed: string,
  mode: Mode,
): Promise<boolean> {
  const world = await createWorld({ seed, sessions: mode !== "in envelopes" });
  try {
    return await run(new Scene(world, mode));
  } finally {
    await world.close();
  }
}

/** Counts up until the fault comes too late to happen, and collects what went wrong at which place. */
async function everyPlace(
  run: (scene: Scene, at: number) => Promise<boolean>,
  seed: string,
  mode: Mode,
): Promise<number> {
  const failures: string[] = [];
  let at = 0;
  // Five failures tell enough, and a failure does not tell whether its place was reached.
  for (let wasReached = true; wasReached && failures.length < 5; ) {
    at += 1;
    try {
      wasReached = await withScene((scene) => run(scene, at), `${seed} ${at}`, mode);
    } catch (error) {
      failures.push(`at ${at}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  expect(failures).toEqual([]);
  return at - 1;
}

describe.each(modes)("a process that dies: %s", (mode) => {
  test.each(["before", "after"] as const)("a wallet may die %s every commit", async (when) => {
    const places = await everyPlace(
      async (scene, at) => {
        await scene.openMerchant();
        try {
          await scene.play(await scene.openWallet({ at, when }));
        } catch (error) {
          if (!(error instanceof Crash)) throw error;
        }
        const wasReached = scene.walletStore.isDead();
        await scene.expectWhole();
        return wasReached;
      },
      `wallet ${when}`,
      mode,
    );
    expect(places).toBeGreaterThan(15);
  });

  test.each(["before", "after"] as const)("a merchant may die %s every commit", async (when) => {
    const places = await everyPlace(
      async (scene, at) => {
        try {
          await scene.openMerchant({ at, when });
        } catch (error) {
          if (!(error instanceof Crash)) throw error;
          await scene.openMerchant();
        }
        await scene.play(await scene.openWallet());
        const wasReached = scene.shelfStore.commits() >= at || scene.shelfStore.isDead();
        await scene.expectWhole();
        return wasReached;
      },
      `merchant ${when}`,
      mode,
    );
    expect(places).toBeGreaterThan(5);
  });

  test("a wallet that dies at every commit while it comes back loses nothing either", async () => {
    const places = await everyPlace(
      async (scene, at) => {
        await scene.openMerchant();
        const wallet = await scene.openWallet();
        await wallet.topUp("EUR 1.00");
        await wallet.obtain(NEWS, "EUR 0.10");
        // Three transactions are under way: their answers were lost.
        scene.customerToMerchant.fault = { at: scene.customerToMerchant.count + 2, kind: "cut-response" };
        await scene.buy(wallet).catch(onlyLepta);
        scene.customerToBroker.fault = { at: scene.customerToBroker.count + 1, kind: "cut-response" };
        await wallet.topUp("EUR 0.50").catch(onlyLepta);
        const before = MEETING[mode];
        scene.customerToMerchant.fault = {
          at: scene.customerToMerchant.count + before + 1,
          kind: "cut-response",
        };
        await wallet.obtain(NEWS, "EUR 0.10").catch(onlyLepta);
        scene.heal();
        try {
          await scene.openWallet({ at, when: "before" });
        } catch (error) {
          if (!(error instanceof Crash)) throw error;
        }
        const wasReached = scene.walletStore.isDead();
        await scene.expectWhole();
        return wasReached;
      },
      "coming back",
      mode,
    );
    expect(places).toBeGreaterThan(2);
  });
});

describe.each(modes)("a network that fails: %s", (mode) => {
  const kinds: readonly Fault["kind"][] = [
    "lost-request",
    "lost-response",
    "duplicate",
    "cut-request",
    "cut-response",
  ];
  const lines = ["customerToBroker", "merchantToBroker", "customerToMerchant"] as const;

  test.each(lines.flatMap((line) => kinds.map((kind) => [line, kind] as const)))(
    "%s: %s at every message",
    async (line, kind) => {
      const places = await everyPlace(
        async (scene, at) => {
          await scene.openMerchant();
          const wallet = await scene.openWallet();
          const start = scene[line].count;
          scene[line].fault = { at: start + at, kind };
          await scene.play(wallet);
          const wasReached = scene[line].count >= start + at;
          await scene.expectWhole();
          return wasReached;
        },
        `${line} ${kind}`,
        mode,
      );
      expect(places).toBeGreaterThan(1);
    },
  );

  test("everybody is cut off from the broker in turn, without anyone opening again: resume is enough", async () => {
    await everyPlace(
      async (scene, at) => {
        const merchant = await scene.openMerchant();
        const wallet = await scene.openWallet();
        const start = scene.customerToBroker.count;
        scene.customerToBroker.fault = { at: start + at, kind: "cut-response" };
        scene.merchantToBroker.fault = { at: scene.merchantToBroker.count + 1, kind: "cut-response" };
        await scene.play(wallet);
        const wasReached = scene.customerToBroker.count >= start + at;
        scene.heal();
        await wallet.resume();
        // The merchant learns what became of its scrip when it is spent.
        for (let left = 0; left < 3; left += 1) await scene.buy(wallet).catch(onlyLepta);
        await scene.openMerchant();
        await scene.closeLanes(wallet);
        await expectSettled(
          scene.world,
          [{ uid: wallet.uid, store: scene.walletInner }],
          [{ uid: merchant.uid, store: scene.shelfInner }],
        );
        return wasReached;
      },
      "cut off",
      mode,
    );
  });
});

function onlyLepta(error: unknown): void {
  // What was lost or refused is what the test is about; anything else is a fault.
  if (!(error instanceof LeptaError)) throw error;
}
