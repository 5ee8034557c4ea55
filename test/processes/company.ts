/** Broker, merchant and households of wallets, as processes on one directory, and how they come back after a kill. */
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Accounts, takeAccounts } from "./accounts.ts";
import { type FlowName, FUNDS, flowNames, type HouseholdName, householdNames, households } from "./flows.ts";
import { Player, PlayerGone } from "./player.ts";

/** Who is killed. */
export const parties = ["broker", "merchant", "wallet"] as const;
export type Party = (typeof parties)[number];
type Member = "broker" | "merchant" | HouseholdName;

/** How long everything may take to be at an end after a restart, in milliseconds. */
export const SETTLED_WITHIN = 30_000;
/** How long that is waited for before the broker's clock is put forward to its next schedule, in milliseconds. */
const SCHEDULED_AFTER = 300;

/** A player that was killed while it started is started again this often. */
const STARTS = 5;

export class Company {
  readonly #dir: string;
  readonly #cache: string;
  readonly #ports: { readonly broker: number; readonly merchant: number };
  readonly #cast = new Map<Member, Player>();
  readonly #uids = new Map<FlowName, string>();
  #address = "";
  #shop = "";

  /** Starts everybody for the first time and fills the purses. `home` must not exist. */
  static async open(home: string): Promise<Company> {
    const company = new Company(home, { broker: await freePort(), merchant: await freePort() });
    mkdirSync(home, { recursive: true });
    try {
      await company.start();
      await Promise.all(company.wallets.map((each) => each.call("fund", FUNDS)));
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

  /** The processes of all households. */
  get wallets(): readonly Player[] {
    return householdNames.map((name) => this.#player(name));
  }

  /** The process that this flow's wallet lives in. */
  wallet(flow: FlowName): Player {
    return this.#player(householdOf(flow));
  }

  /** The UID of this flow's wallet. */
  uid(flow: FlowName): string {
    return this.#uids.get(flow) ?? "";
  }

  /** Who is killed when this party is killed, and in which flows. */
  victims(party: Party): readonly { readonly victim: Player; readonly flows: readonly FlowName[] }[] {
    if (party !== "wallet") return [{ victim: this.#player(party), flows: flowNames }];
    return householdNames.map((name) => ({ victim: this.#player(name), flows: households[name] }));
  }

  /** Starts whoever is gone. Gives how many died again while they started. */
  async start(dieAfter: () => number | undefined = () => undefined): Promise<number> {
    const isFirst = this.#shop === "";
    // Whoever comes back knows the others' addresses, and must not need them to be there already.
    const members = ["broker", "merchant", ...householdNames] as const;
    const deaths = isFirst ? [] : await Promise.all(members.map((each) => this.#startOne(each, dieAfter)));
    if (isFirst)
      for (const each of members) {
        deaths.push(await this.#startOne(each, dieAfter));
        this.#address = this.broker.facts.broker ?? "";
        const { url, uid } = this.#cast.get("merchant")?.facts ?? {};
        if (url !== undefined) this.#shop = `${url}#${uid}`;
      }
    return deaths.reduce((total, each) => total + each, 0);
  }

  /** Ends the flows where they are: nothing is begun any more. */
  async stop(): Promise<void> {
    await Promise.all(
      [this.merchant, ...this.wallets].filter(({ isGone }) => !isGone).map((each) => each.call("stop")),
    );
  }

  /** Waits until nothing is under way; what is left after `SETTLED_WITHIN` is told. */
  async settle(): Promise<readonly string[]> {
    const deadline = performance.now() + SETTLED_WITHIN;
    for (;;) {
      const left = await Promise.all(
        [this.merchant, ...this.wallets].map(
          async (player) => (await player.call("settle", SCHEDULED_AFTER)) as readonly string[],
        ),
      );
      if (left.flat().length === 0 || performance.now() > deadline) return left.flat();
      // What only the broker's clock can end, as a reversal that the merchant does not answer.
      await this.broker.call("finish");
    }
  }

  /** Sends all notices, ends everybody as an operator does, and takes the accounts of what is on disk. */
  async account(): Promise<Accounts> {
    // A wallet that is closed closes its lanes, whose statements the merchant sends then.
    for (const player of [...this.wallets, this.merchant]) {
      await player.call("flush");
      await player.close();
    }
    await this.broker.close();
    return takeAccounts({
      broker: this.#dirOf("broker"),
      merchant: { uid: new URL(this.#shop).hash.slice(1), dir: this.#dirOf("merchant") },
      wallets: flowNames.map((flow) => ({
        uid: this.uid(flow),
        dir: join(this.#dirOf(householdOf(flow)), flow),
      })),
    });
  }

  /** Ends whatever still runs. */
  async killAll(): Promise<void> {
    for (const player of this.#cast.values()) await player.kill();
  }

  async #startOne(name: Member, dieAfter: () => number | undefined): Promise<number> {
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
        if (isHousehold(name))
          for (const flow of households[name]) this.#uids.set(flow, player.facts[flow] ?? "");
        return deaths;
      } catch (error) {
        const isKill = error instanceof PlayerGone && /SIGKILL/.test(error.message);
        if (!isKill || deaths + 1 >= STARTS) throw error;
      }
    }
  }

  #part(name: Member, dieAfter: number | undefined): ["broker" | "merchant" | "wallet", unknown] {
    const common = { dir: this.#dirOf(name), dieAfter };
    if (name === "broker") return ["broker", { ...common, port: this.#ports.broker }];
    if (name === "merchant")
      return ["merchant", { ...common, port: this.#ports.merchant, broker: this.#address }];
    return ["wallet", { ...common, broker: this.#address, shop: this.#shop, flows: households[name] }];
  }

  #dirOf(name: Member): string {
    return join(this.#dir, name);
  }

  #player(name: Member): Player {
    const player = this.#cast.get(name);
    if (player === undefined) throw new Error(`${name} was never started`);
    return player;
  }
}

const isHousehold = (name: Member): name is HouseholdName => name in households;

function householdOf(flow: FlowName): HouseholdName {
  const found = householdNames.find((name) => households[name].some((each) => each === flow));
  if (found === undefined) throw new Error(`${flow} has no household`);
  return found;
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
