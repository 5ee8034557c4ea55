/** The broker: the production handlers on one table, in function instances that are killed in the middle of a request. */
import {
  type Capability,
  type HttpHandler,
  httpFunctions,
  readEnvironment,
  rotateKeys,
  rotationOf,
  routes,
  type Store,
  scheduledFunctions,
  variable,
  type Wiring,
} from "@lepta/lambdas";
import { memoryKeyService } from "@lepta/lambdas/memory/key-service";
import { memoryStore } from "@lepta/lambdas/memory/store";
import { silentObserver } from "@lepta/lambdas/ports/observer";
import { type BrokerTransport, LeptaError } from "@lepta/peer-sdk";
import { decodeAs, defaultSuite, ERROR_MEDIA_TYPE, errorCodec, isRefusal, type Suite } from "@lepta/protocol";
import { eventOf } from "../peer-sdk/support/world.ts";
import { CURRENCY } from "./books.ts";
import type { Clock } from "./clock.ts";
import type { Ledger } from "./ledger.ts";
import { Life } from "./life.ts";
import type { Draws } from "./random.ts";
import { schedule } from "./rates.ts";
import { liveRuntime } from "./runtime.ts";
import { steadyRoot } from "./steady-root.ts";
import { liveTable } from "./stores.ts";
import type { Findings } from "./violation.ts";
import type { Weather } from "./weather.ts";

export type Answer = Awaited<ReturnType<BrokerTransport>>;
type KeyService = Wiring["keyService"];

interface Instance {
  readonly life: Life;
  readonly handler: HttpHandler;
}

export interface BrokerPorts {
  readonly clock: Clock;
  readonly weather: Weather;
  readonly ledger: Ledger;
  readonly findings: Findings;
  readonly draws: Draws;
  readonly suite: Suite;
  readonly policy: BrokerPolicy;
}

/** What an operator sets, in milliseconds and millionths. */
export interface BrokerPolicy {
  readonly scripLife: number;
  readonly holdTime: number;
  readonly claimTime: number;
  readonly grace: number;
  readonly recallableLimit: number;
}

export class BrokerSide {
  readonly table: ReturnType<typeof memoryStore>;
  readonly network: string;
  readonly #ports: BrokerPorts;
  readonly #watched: Store;
  readonly #keyService: KeyService;
  readonly #idle = new Map<Capability, Instance[]>();

  private constructor(
    ports: BrokerPorts,
    table: ReturnType<typeof memoryStore>,
    keyService: KeyService,
    network: string,
    watched: Store,
  ) {
    this.#ports = ports;
    this.table = table;
    this.#keyService = keyService;
    this.network = network;
    this.#watched = watched;
  }

  /** A new broker with its keys, its schedules running. */
  static async open(ports: BrokerPorts): Promise<BrokerSide> {
    const table = memoryStore();
    const watched = ports.ledger.watchTable(table);
    const service = await memoryKeyService(ports.draws.bytes);
    const isReal = ports.suite === defaultSuite;
    const keyService = isReal ? service : await steadyRoot(service, ports.draws.bytes);
    const first = wiringOf(
      ports,
      { store: watched, scan: table.scan },
      keyService,
      new Life("setup", ports.weather),
    );
    const { network } = await rotateKeys(rotationOf(first));
    ports.ledger.network = network;
    ports.ledger.grace = ports.policy.grace;
    const broker = new BrokerSide(ports, table, keyService, network, watched);
    broker.#every(schedule.finish, () => broker.finish());
    broker.#every(schedule.rotate, () => broker.rotate());
    return broker;
  }

  /** One request to one instance. Throws `unreachable` where the instance dies. */
  async call(method: "GET" | "POST", path: string, body: Uint8Array | undefined): Promise<Answer> {
    const { capability } = routes.find((each) => each.path === path && each.method === method) ?? {};
    if (capability === undefined) throw new LeptaError("not-found", path);
    const instance = this.#take(capability);
    const { life, handler } = instance;
    const outcome = await life.outlive(life.call(`door ${path}`, () => handler(eventOf(method, path, body))));
    if (outcome === undefined) throw new LeptaError("unreachable", "the function was killed");
    this.#idle.get(capability)?.push(instance);
    const { headers, body: text = "" } = outcome.value;
    const contentType = String(headers?.["content-type"] ?? "");
    const answer = { contentType, body: new Uint8Array(Buffer.from(text, "base64")) };
    if (contentType.startsWith(ERROR_MEDIA_TYPE)) this.#note(path, answer.body);
    return answer;
  }

  /** The schedule `finish`, in an instance of its own. */
  finish(): Promise<void> {
    return this.#scheduled("finish", false);
  }

  /** The schedule `rotate`. */
  rotate(): Promise<void> {
    return this.#scheduled("rotate", true);
  }

  /** What is called by the clock is called again where it was killed or found the table busy, as the platform does. */
  async #scheduled(name: "finish" | "rotate", isHonest: boolean): Promise<void> {
    for (let attempt = 0; attempt < schedule.attempts; attempt += 1) {
      const life = new Life("broker", this.#ports.weather);
      const run = scheduledFunctions[name](this.#wiring(life, isHonest));
      const call = async () => void (await run({}));
      const outcome = await life.outlive(life.call(`schedule ${name}`, call).catch(busy));
      if (outcome?.value !== "busy" && outcome !== undefined) return;
      await this.#ports.clock.sleep(schedule.again);
    }
  }

  #every(period: number, work: () => Promise<void>): void {
    this.#ports.clock.after(period, () => {
      work().catch((error: unknown) => this.#ports.findings.broken("no fault of our own", String(error)));
      this.#every(period, work);
    });
  }

  #take(capability: Capability): Instance {
    const idle = this.#idle.get(capability) ?? [];
    this.#idle.set(capability, idle);
    for (let instance = idle.pop(); instance !== undefined; instance = idle.pop())
      if (!instance.life.isDead) return instance;
    const life = new Life("broker", this.#ports.weather);
    return { life, handler: httpFunctions[capability](this.#wiring(life)) };
  }

  #wiring(life: Life, isHonest = false): Wiring {
    return wiringOf(
      this.#ports,
      { store: this.#watched, scan: this.table.scan },
      this.#keyService,
      life,
      isHonest,
    );
  }

  /** An internal error is our own fault, whoever asked. */
  #note(path: string, body: Uint8Array): void {
    const error = decodeAs(errorCodec, body);
    if (!isRefusal(error) && error.code === "internal")
      this.#ports.findings.broken("no fault of our own", `the broker's ${path} answered internal`);
  }
}

/** Whether a schedule found the table busy; anything else is a fault. */
function busy(error: unknown): "busy" {
  if (error instanceof Error && error.name === "StoreBusy") return "busy";
  throw error;
}

function wiringOf(
  ports: BrokerPorts,
  table: Pick<Wiring, "store" | "scan">,
  keys: KeyService,
  life: Life,
  isHonest = false,
): Wiring {
  const { clock, weather, draws, suite, policy } = ports;
  return {
    environment: readEnvironment({
      [variable.table]: "memory",
      [variable.rootKey]: "memory",
      [variable.wrappingKey]: "memory",
      [variable.currency]: CURRENCY,
      [variable.scripLife]: String(policy.scripLife),
      [variable.holdTime]: String(policy.holdTime),
      [variable.claimTime]: String(policy.claimTime),
      [variable.grace]: String(policy.grace),
      [variable.recallableLimit]: String(policy.recallableLimit),
    }),
    scan: table.scan,
    store: liveTable(table.store, { life, clock, weather }, { isHonest }),
    keyService: {
      root: {
        publicKey: () => life.call("custody root", () => keys.root.publicKey()),
        sign: (data) => life.call("custody sign", () => keys.root.sign(data)),
      },
      wrapper: {
        generate: (context) => life.call("custody generate", () => keys.wrapper.generate(context)),
        unwrap: (wrapped, context) =>
          life.call("custody unwrap", () => keys.wrapper.unwrap(wrapped, context)),
      },
    },
    suite,
    runtime: liveRuntime(clock, life, draws, 0),
    observer: silentObserver,
  };
}
