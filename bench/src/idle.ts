/** What an idle session takes of its merchant's memory, beside a bare connection: fresh processes in turn. */
import type { IdleCustomerCalls, IdleServerCalls, Memory } from "./calls.ts";
import { startChild } from "./child.ts";
import { median } from "./statistics.ts";

/** Per connection, in bytes: medians. */
export interface IdleBytes {
  readonly session: Memory;
  readonly bare: Memory;
  /** Medians of each round's own ratio. */
  readonly ratio: Memory;
  readonly connections: number;
}

const CONNECTIONS = 1000;
/** First, so that what is there once for all connections is not counted. */
const BEFORE = 300;

export async function measureIdle(
  broker: string,
  core: number | undefined,
  rounds: number,
): Promise<IdleBytes> {
  const sessions: Memory[] = [];
  const bare: Memory[] = [];
  for (let round = 0; round < rounds; round += 1) {
    sessions.push(await measureOnce(broker, core));
    bare.push(await measureOnce(undefined, core));
  }
  return {
    session: medians(sessions),
    bare: medians(bare),
    ratio: medians(
      sessions.map(({ resident, heap }, i) => ({
        resident: resident / (bare[i]?.resident ?? Number.NaN),
        heap: heap / (bare[i]?.heap ?? Number.NaN),
      })),
    ),
    connections: CONNECTIONS,
  };
}

async function measureOnce(broker: string | undefined, core: number | undefined): Promise<Memory> {
  const server = startChild<IdleServerCalls>("idle-server-process.ts", core, ["--expose-gc"]);
  // Where the system puts it: only the server is measured.
  const customer = startChild<IdleCustomerCalls>("idle-customer-process.ts", undefined);
  try {
    const { url } = await server.ask("start", { broker });
    await customer.ask("open", { url, broker, count: BEFORE });
    const before = await server.ask("memory", undefined);
    await customer.ask("open", { url, broker, count: CONNECTIONS });
    const after = await server.ask("memory", undefined);
    return {
      resident: (after.resident - before.resident) / CONNECTIONS,
      heap: (after.heap - before.heap) / CONNECTIONS,
    };
  } finally {
    await customer.close();
    await server.close();
  }
}

const medians = (all: readonly Memory[]): Memory => ({
  resident: median(all.map(({ resident }) => resident)),
  heap: median(all.map(({ heap }) => heap)),
});
