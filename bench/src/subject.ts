/** What is measured: a server and its customers, each in a process of its own, both on the same core. */
import { join } from "node:path";
import type {
  ClientCalls,
  CustomerCalls,
  EchoCustomerCalls,
  EchoServerCalls,
  FrameBytes,
  MerchantCalls,
  ServerCalls,
  SuiteChoice,
} from "./calls.ts";
import { type Child, startChild } from "./child.ts";

export const subjectNames = ["echo", "default", "defaultMemory", "figure4OpenSSL", "figure4Forge"] as const;
export type SubjectName = (typeof subjectNames)[number];

/** One subject in one round. */
export interface Measurement {
  /** Exchanges per second with both ends on one core. */
  readonly perSecond: number;
  /** CPU time of the server's process for one exchange, in microseconds. */
  readonly cpu: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface Subject {
  readonly name: SubjectName;
  measure(seconds: number): Promise<Measurement>;
  close(): Promise<void>;
}

export interface Surroundings {
  /** The core for both ends; undefined leaves them where the system puts them. */
  readonly core: number | undefined;
  readonly connections: number;
  /** For the merchants' stores. */
  readonly dir: string;
  /** Where the default suite's durable merchant writes a CPU profile when it ends. */
  readonly profileDir: string | undefined;
}

/** The addresses of the brokers, with their pins. */
export interface Brokers {
  readonly default: string;
  readonly figure4: string;
}

type PurchaseSubject = Exclude<SubjectName, "echo">;

const suites: Readonly<Record<PurchaseSubject, SuiteChoice>> = {
  default: "default",
  defaultMemory: "default",
  figure4OpenSSL: "figure-4-openssl",
  figure4Forge: "figure-4",
};

/** Load before each measurement that is not counted, in seconds: caches and the compiler settle. */
const LEAD_IN = 0.3;

/** A merchant with its customers; `frameBytes` tells the size of one purchase. */
export async function startPurchases(
  name: PurchaseSubject,
  brokers: Brokers,
  { core, connections, dir, profileDir }: Surroundings,
): Promise<Subject & { readonly frameBytes: FrameBytes }> {
  const isProfiled = name === "default" && profileDir !== undefined;
  const profiling = isProfiled ? ["--cpu-prof", "--cpu-prof-dir", profileDir] : [];
  const server = startChild<MerchantCalls>("merchant-process.ts", core, profiling);
  const client = startChild<CustomerCalls>("customer-process.ts", core);
  const suite = suites[name];
  const broker = suite === "default" ? brokers.default : brokers.figure4;
  return startOrClose(server, client, async () => {
    const storeDir = name === "defaultMemory" ? undefined : join(dir, name);
    const { url } = await server.ask("start", { broker, suite, dir: storeDir });
    await client.ask("start", { broker, suite, url, connections });
    const frameBytes = await client.ask("frameBytes", undefined);
    return { ...subjectOf(name, server, client), frameBytes };
  });
}

/** The bare echo of as many bytes as a purchase has. */
export async function startEcho(
  { request, response }: FrameBytes,
  { core, connections }: Surroundings,
): Promise<Subject> {
  const server = startChild<EchoServerCalls>("echo-server-process.ts", core);
  const client = startChild<EchoCustomerCalls>("echo-customer-process.ts", core);
  return startOrClose(server, client, async () => {
    const { url } = await server.ask("start", { responseBytes: response });
    await client.ask("start", { url, requestBytes: request, connections });
    return subjectOf("echo", server, client);
  });
}

interface Closable {
  close(): Promise<void>;
}

async function startOrClose<T>(server: Closable, client: Closable, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    await client.close();
    await server.close();
    throw error;
  }
}

const subjectOf = (
  name: SubjectName,
  server: Child<ServerCalls<never>>,
  client: Child<ClientCalls<never>>,
): Subject => ({
  name,
  measure: async (seconds) => {
    await client.ask("load", LEAD_IN);
    const before = await server.ask("cpu", undefined);
    const load = await client.ask("load", seconds);
    const after = await server.ask("cpu", undefined);
    const { count, p50, p99 } = load;
    return { perSecond: count / load.seconds, cpu: (after - before) / count, p50, p99 };
  },
  close: async () => {
    await client.close();
    await server.close();
  },
});
