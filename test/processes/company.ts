/** Broker, merchant and one wallet for each flow, as processes on one directory, and how they come back after a kill. */
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Accounts, takeAccounts } from "./accounts.ts";
import { type FlowName, FUNDS, flowNames } from "./flows.ts";
import { Player, PlayerGone } from "./player.ts";

/** Who is killed. */
export const parties = ["broker", "merchant", "wallet"] as const;
export type Party = (typeof parties)[number];

/** How long everything may take to be at an end after a restart, in milliseconds. */
export const SETTLED_WITHIN = 30_000;

/** A player that was killed while it started is started again this often. */
const STARTS = 5;

export class Company {
  readonly #dir: string;
  readonly #cache: string;
  readonly #ports: { readonly broker: number; readonly merchant: number };
  readonly #cast = new Map<string, Player>();
  readonly #uids = new Map<string, string>();
  #address = "";
  #shop = "";

  /** Starts everybody for the first time and fills the purses. `home` must not exist. */
  static async open(home: string): Promise<Company> {
    const company = new Company(home, { broker: await freePort(), merchant: await freePort() });
    mkdirSync(home, { recursive: true });
    try {
      await company.start();
      for (const flow of flowNames) await company.wallet(flow).call("fund", FUNDS);
    } catch (error) {
      await company.killAll();
      throw error;
    }
    return company;
  }

  private constructor(home: string, ports: { readonly broker: number; readonly merchant: number }) {
    this.#dir = home;
    this.#cache = join(home, "cache");
    this.#ports = ports;
  }

  get broker(): Player {
    return this.#player("broker");
  }

  get merchant(): Player {
    return this.#player("merchant");
  }

  wallet(flow: FlowName): Player {
    return this.#player(flow);
  }

  /** Who is killed when this party is killed in these flows. */
  victims(party: Party, flows: readonly FlowName[]): readonly Player[] {
    return party === "wallet" ? flows.map((flow) => this.wallet(flow)) : [this.#player(party)];
  }

  /** Starts whoever is gone, the broker first. Gives how many died again while they started. */
  async start(dieAfter: () => number | undefined = () => undefined): Promise<number> {
    let deaths = await this.#startOne("broker", dieAfter);
    this.#address = this.broker.facts.broker ?? "";
    deaths += await this.#startOne("merchant", dieAfter);
    this.#shop = this.merchant.facts.url ?? "";
    const started = await Promise.all(flowNames.map((flow) => this.#startOne(flow, dieAfter)));
    return started.reduce((total, each) => total + each, deaths);
  }

  /** Waits until nothing is under way; what is left after `SETTLED_WITHIN` is told. */
  async settle(): Promise<readonly string[]> {
    const left = await Promise.all(
      [this.merchant, ...flowNames.map((flow) => this.wallet(flow))].map(
        async (player) => (await player.call("settle", SETTLED_WITHIN)) as readonly string[],
      ),
    );
    return left.flat();
  }

  /** Sends all notices, ends everybody as an operator does, and takes the accounts of what is on disk. */
  async account(): Promise<Accounts> {
    const peers = [this.merchant, ...flowNames.map((flow) => this.wallet(flow))];
    for (const player of peers) await player.call("flush");
    for (const player of [...peers.reverse(), this.broker]) await player.close();
    const peer = (name: string) => ({ uid: this.#uids.get(name) ?? "", dir: this.#dirOf(name) });
    return takeAccounts({
      broker: this.#dirOf("broker"),
      merchant: peer("merchant"),
      wallets: flowNames.map(peer),
    });
  }

  /** Ends whatever still runs. */
  async killAll(): Promise<void> {
    for (const player of this.#cast.values()) await player.kill();
  }

  async #startOne(name: string, dieAfter: () => number | undefined): Promise<number> {
    const before = this.#cast.get(name);
    if (before?.isGone === false) return 0;
    // Who was neither killed nor closed has ended by a fault of its own.
    const lastWords = await before?.ended;
    if (lastWords !== undefined) throw new Error(lastWords);
    for (let deaths = 0; ; deaths += 1) {
      try {
        // The last try is left in peace.
        const death = deaths + 1 < STARTS ? dieAfter() : undefined;
        const player = await Player.start(...this.#part(name, death), this.#cache);
        this.#cast.set(name, player);
        if (player.facts.uid !== undefined) this.#uids.set(name, player.facts.uid);
        return deaths;
      } catch (error) {
        const isKill = error instanceof PlayerGone && /SIGKILL/.test(error.message);
        if (!isKill || deaths + 1 >= STARTS) throw error;
      }
    }
  }

  #part(name: string, dieAfter: number | undefined): ["broker" | "merchant" | "wallet", unknown] {
    const common = { dir: this.#dirOf(name), dieAfter };
    if (name === "broker") return ["broker", { ...common, port: this.#ports.broker }];
    if (name === "merchant")
      return ["merchant", { ...common, port: this.#ports.merchant, broker: this.#address }];
    return ["wallet", { ...common, broker: this.#address, shop: this.#shop }];
  }

  #dirOf(name: string): string {
    return join(this.#dir, name);
  }

  #player(name: string): Player {
    const player = this.#cast.get(name);
    if (player === undefined) throw new Error(`${name} was never started`);
    return player;
  }
}

/** Below the range that connections take their own ports from: nobody takes it while its process is away. */
async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = LOWEST_PORT + Math.floor(Math.random() * 10_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    if (isFree) return port;
  }
  throw new Error("there is no free port");
}

const LOWEST_PORT = 20_000;
