/** What is measured: servers and their customers, each in a process of its own, both on the same core. */
import { join } from "node:path";
import type { BenchBroker } from "./broker.ts";
import type {
  BuyerCalls,
  ClientCalls,
  CustomerCalls,
  EchoCustomerCalls,
  EchoServerCalls,
  FrameBytes,
  MerchantCalls,
  PayerCalls,
  PaywallCalls,
  SellerCalls,
  ServerCalls,
  SuiteChoice,
  WalletCalls,
} from "./calls.ts";
import { type Child, startChild } from "./child.ts";
import { REQUEST } from "./item.ts";

/** In the order of a round: what is compared stands close together. */
export const subjectNames = [
  "echo",
  "sessionEcho",
  "statement",
  "each",
  "figure4OpenSSL",
  "figure4Forge",
  "echoPipelined",
  "statementPipelined",
  "figure4OpenSSLPipelined",
  "statementVolatile",
  "statementDurable",
  "httpUnpaid",
  "httpSession",
  "httpSessionDurable",
  "httpCharge",
] as const;
export type SubjectName = (typeof subjectNames)[number];

/** One subject in one round. */
export interface Measurement {
  /** Exchanges per second with both ends on one core. */
  readonly perCore: number;
  /** CPU time of each end for one exchange, in microseconds. */
  readonly serverCpu: number;
  readonly customerCpu: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface Subject {
  readonly name: SubjectName;
  measure(seconds: number): Promise<Measurement>;
  /** Writes a profile of each end under load into this directory. */
  profile(directory: string, seconds: number): Promise<void>;
}

/** A server with its customers, and the subjects that are measured on it. */
export interface Stand {
  readonly subjects: readonly Subject[];
  /** Between measurements: notices go to the broker. */
  tidy(): Promise<void>;
  /** Ends the buying, and throws where customers, merchant and broker do not agree on what was bought. */
  verify(): Promise<void>;
  close(): Promise<void>;
}

export interface Surroundings {
  /** The core for both ends; undefined leaves them where the system puts them. */
  readonly core: number | undefined;
  readonly connections: number;
  /** For the merchants' stores. */
  readonly dir: string;
}

/** Exchanges under way on each connection in the subjects whose name says that they are pipelined. */
export const PIPELINED = 16;
/** Purchases under way in all where a store on disk is compared with one in memory. */
export const ON_DISK = 64;
/**
 * Scrips of each of figure 4's customers where several are under way: one spends a scrip after the one before it, so several at
 * once take several scrips. Its merchant is busy without a pause from the second on, and more of them would only wait.
 */
export const FIGURE4_SCRIPS = 4;
/** Customers of node-forge: it takes a second for each before it begins, and is busy with any number. */
const FORGE_CONNECTIONS = 4;

/** Load before each measurement that is not counted, in seconds: caches and the compiler settle. */
const LEAD_IN = 0.2;
/** The longest measurement of node-forge, in seconds: it lasts for as long as a purchase of each customer takes. */
const FORGE_SECONDS = 0.5;

type Depths = Readonly<Partial<Record<SubjectName, number>>>;

/** Purchases on lanes in memory, with one, 16, and 64 in all under way; or on disk, with 64. */
export async function startLanes(
  kind: "memory" | "disk",
  broker: BenchBroker,
  { core, connections, dir }: Surroundings,
): Promise<Stand> {
  const onDisk = Math.max(1, Math.round(ON_DISK / connections));
  const depths: Depths =
    kind === "disk"
      ? { statementDurable: onDisk }
      : { statement: 1, statementPipelined: PIPELINED, statementVolatile: onDisk };
  const server = startChild<MerchantCalls>("merchant-process.ts", core);
  const client = startChild<WalletCalls>("wallet-process.ts", core);
  return startOrClose(server, client, async () => {
    const storeDir = kind === "disk" ? join(dir, "merchant") : undefined;
    const { url } = await server.ask("start", {
      broker: broker.address,
      suite: "default",
      dir: storeDir,
    });
    await client.ask("start", { broker: broker.address, url, connections, watched: false });
    return shop(depths, server, client, broker, "statements");
  });
}

/** Figure 7 as the paper has it, M1 and M2 signed by themselves, in one of the suites. */
export async function startEach(
  kind: "each" | "figure4OpenSSL" | "figure4Forge",
  broker: BenchBroker,
  { core, connections }: Surroundings,
): Promise<Stand> {
  const suites: Readonly<Record<typeof kind, SuiteChoice>> = {
    each: "default",
    figure4OpenSSL: "figure-4-openssl",
    figure4Forge: "figure-4",
  };
  const isPipelined = kind === "figure4OpenSSL";
  const depths: Depths = { [kind]: 1, ...(isPipelined ? { figure4OpenSSLPipelined: FIGURE4_SCRIPS } : {}) };
  const server = startChild<MerchantCalls>("merchant-process.ts", core);
  const client = startChild<CustomerCalls>("customer-process.ts", core);
  const suite = suites[kind];
  return startOrClose(server, client, async () => {
    const { url } = await server.ask("start", { broker: broker.address, suite, dir: undefined });
    await client.ask("start", {
      broker: broker.address,
      suite,
      url,
      connections: kind === "figure4Forge" ? Math.min(connections, FORGE_CONNECTIONS) : connections,
      scrips: isPipelined ? FIGURE4_SCRIPS : 1,
    });
    return shop(depths, server, client, broker, "notices");
  });
}

/** Requests over HTTP to one small handler: with nothing before it, or behind a paywall and paid for by the wallets' own fetch. */
export async function startHttp(
  kind: "httpUnpaid" | "httpSession" | "httpSessionDurable" | "httpCharge",
  { address: broker, told }: BenchBroker,
  { core, connections, dir }: Surroundings,
): Promise<Stand> {
  const isPaid = kind !== "httpUnpaid";
  const server = startChild<PaywallCalls>("paywall-process.ts", core);
  const client = startChild<PayerCalls>("payer-process.ts", core);
  return startOrClose(server, client, async () => {
    const address = isPaid ? broker : undefined;
    const served = await server.ask("start", {
      broker: address,
      dir: kind === "httpSessionDurable" ? join(dir, "paywall") : undefined,
      intent: kind === "httpCharge" ? "charge" : "session",
    });
    await client.ask("start", { ...served, broker: address, connections });
    if (!isPaid) return unsold({ [kind]: 1 }, server, client);
    const by = kind === "httpCharge" ? "notices" : "statements";
    return shop({ [kind]: 1 }, server, client, { told }, by, REQUEST.value);
  });
}

/** The echo of as many bytes as a purchase on a lane has: bare, or inside a session. */
export async function startEcho(
  sealed: boolean,
  { request, response }: FrameBytes,
  { core, connections }: Surroundings,
): Promise<Stand> {
  const server = startChild<EchoServerCalls>("echo-server-process.ts", core);
  const client = startChild<EchoCustomerCalls>("echo-customer-process.ts", core);
  return startOrClose(server, client, async () => {
    const { url } = await server.ask("start", { bytes: response, sealed });
    await client.ask("start", { url, bytes: request, sealed, connections });
    const depths: Depths = sealed ? { sessionEcho: 1 } : { echo: 1, echoPipelined: PIPELINED };
    return unsold(depths, server, client);
  });
}

interface Closable {
  close(): Promise<void>;
}

async function startOrClose<T>(server: Closable, client: Closable, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    await closeBoth(server, client);
    throw error;
  }
}

async function closeBoth(server: Closable, client: Closable): Promise<void> {
  await client.close();
  await server.close();
}

/** Nothing is sold there, so there are no books. */
const unsold = <S, C>(
  depths: Depths,
  server: Child<ServerCalls<S>>,
  client: Child<ClientCalls<C>>,
): Stand => ({
  subjects: subjectsOf(depths, server, client),
  tidy: async () => {},
  verify: async () => {},
  close: () => closeBoth(server, client),
});

function shop<S, M>(
  depths: Depths,
  server: Child<SellerCalls<M>>,
  client: Child<BuyerCalls<S>>,
  broker: Pick<BenchBroker, "told">,
  told: "statements" | "notices",
  /** Of one purchase, in millionths. */
  price = 1,
): Stand {
  const tidy = async (): Promise<void> => {
    await client.ask("tidy", undefined);
    await server.ask("tidy", undefined);
  };
  return {
    subjects: subjectsOf(depths, server, client),
    tidy,
    verify: async () => {
      const bought = await client.ask("finish", undefined);
      await tidy();
      const { uid, sold } = await server.ask("books", undefined);
      const { notices, statements, stated, value } = broker.told(uid);
      const covered = told === "statements" ? stated : notices;
      const other = told === "statements" ? notices : statements;
      const isAgreed =
        sold === bought * price && covered === bought && value === bought * price && other === 0;
      if (!isAgreed || bought === 0 || (told === "statements" && statements === 0))
        throw new Error(
          `${Object.keys(depths)[0]}: ${bought} bought, ${sold} sold; the broker was told of ${notices} by notices and of ` +
            `${stated} by ${statements} statements, worth ${value}`,
        );
    },
    close: () => closeBoth(server, client),
  };
}

const subjectsOf = <S, C>(
  depths: Depths,
  server: Child<ServerCalls<S>>,
  client: Child<ClientCalls<C>>,
): readonly Subject[] =>
  subjectNames.flatMap((name) => {
    const depth = depths[name];
    return depth === undefined ? [] : [subjectOf(name, depth, server, client)];
  });

function subjectOf<S, C>(
  name: SubjectName,
  depth: number,
  server: Child<ServerCalls<S>>,
  client: Child<ClientCalls<C>>,
): Subject {
  const longest = name === "figure4Forge" ? FORGE_SECONDS : Number.POSITIVE_INFINITY;
  // What is under way is waited for, which takes the slow ones long enough.
  const isSlow = name === "figure4Forge" || name === "figure4OpenSSLPipelined";
  return {
    name,
    measure: async (wished) => {
      const seconds = Math.min(wished, longest);
      if (!isSlow) await client.ask("load", { seconds: LEAD_IN, depth });
      const before = [await server.ask("cpu", undefined), await client.ask("cpu", undefined)] as const;
      const load = await client.ask("load", { seconds, depth });
      const after = [await server.ask("cpu", undefined), await client.ask("cpu", undefined)] as const;
      const { count, p50, p99 } = load;
      return {
        perCore: count / load.seconds,
        serverCpu: (after[0] - before[0]) / count,
        customerCpu: (after[1] - before[1]) / count,
        p50,
        p99,
      };
    },
    profile: async (directory, seconds) => {
      await server.ask("beginProfile", undefined);
      await client.ask("beginProfile", undefined);
      await client.ask("load", { seconds, depth });
      await server.ask("endProfile", join(directory, `${name}-merchant.cpuprofile`));
      await client.ask("endProfile", join(directory, `${name}-customer.cpuprofile`));
    },
  };
}
