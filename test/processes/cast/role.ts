/** What the programs of the cast share: commands that come by IPC, and steps, at one of which the process kills itself. */
import { flushCompileCache } from "node:module";
import {
  type BrokerTransport,
  type ConnectChannel,
  LeptaError,
  type PeerStore,
  type Runtime,
  systemRuntime,
  type Wire,
} from "@lepta/peer-sdk";

/** How a repeated flow ended: how often it was done, and the code of the error that ended it, if one did. */
export interface Ran {
  readonly done: number;
  readonly ended: string;
}

type Answer = (argument: never) => Promise<unknown>;

/** What the harness sends. */
export interface Call {
  readonly id: number;
  readonly command: string;
  readonly argument: unknown;
}

/** What a program sends: first, under id 0, that it is ready. */
export interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** What the harness started this program with. */
export const readConfig = <T>(): T & { readonly dieAfter?: number } => JSON.parse(process.argv[2] ?? "{}");

let left = Number.POSITIVE_INFINITY;

/** This process kills itself at the n-th step from now: no handler runs, nothing is flushed. */
export function dieAfter(steps: number | undefined): void {
  left = steps ?? Number.POSITIVE_INFINITY;
}

/** A moment at which something has just become durable, or a message is about to leave or has just come. */
export function step(): void {
  left -= 1;
  if (left <= 0) process.kill(process.pid, "SIGKILL");
}

/** Says that the program is ready, and answers commands until the harness closes it or is gone. */
export function play(facts: unknown, answers: Readonly<Record<string, Answer>>, close: () => Promise<void>) {
  const reply = (message: Reply): void => {
    process.send?.(message);
  };
  const all: Readonly<Record<string, Answer>> = {
    ...answers,
    dieAfter: async (steps: number) => dieAfter(steps),
    close,
  };
  process.on("message", ({ id, command, argument }: Call) => {
    const answer = all[command];
    if (answer === undefined) throw new Error(`no command ${command}`);
    answer(argument as never).then(
      (result) => {
        reply({ id, result });
        if (command === "close") process.disconnect();
      },
      (error: unknown) => reply({ id, error: error instanceof Error ? String(error.stack) : String(error) }),
    );
  });
  // Without its harness a program has nothing to do; after `close` there is nothing left that keeps it.
  process.on("disconnect", () => process.exit());
  // Node keeps what it has compiled when a process ends, which a kill prevents: the next start shall be a quick one.
  flushCompileCache();
  reply({ id: 0, result: facts });
}

/** Does something until it is stopped, fails with a code of the table, or was done so often that nobody can be waiting. */
export function repeater() {
  let isStopping = false;
  return {
    stop: async () => {
      isStopping = true;
    },
    repeat: async (work: () => Promise<unknown>, pause: number): Promise<Ran> => {
      isStopping = false;
      for (let done = 0; done < MOST; done += 1) {
        if (isStopping) return { done, ended: "stopped" };
        try {
          await work();
        } catch (error) {
          if (error instanceof LeptaError) return { done, ended: error.code };
          throw error;
        }
        // Where nothing had to be waited for, the command to stop must still get in, and the other processes on.
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
      return { done: MOST, ended: "enough" };
    },
  };
}

const MOST = 100_000;

/** The SDK's pauses are for the internet; between processes of one machine they are this many times shorter. */
export const HURRY = 4;
export const quickRuntime: Runtime = {
  ...systemRuntime,
  sleep: (milliseconds) => systemRuntime.sleep(milliseconds / HURRY),
};

/** A store each of whose commits, and syncs of its logs, is two steps: before it, and when it is durable. */
export const steppedStore = (store: PeerStore): PeerStore => ({
  ...store,
  commit: (changes) => stepped(() => store.commit(changes)),
  openLog: async (name) => {
    const { log, found } = await store.openLog(name);
    return {
      found,
      log: {
        append: (record) => log.append(record),
        sync: () => stepped(() => log.sync()),
        release: (position) => log.release(position),
      },
    };
  },
});

/** A way to the broker with a step before each message, and one when its answer is there. */
export const steppedTransport =
  (transport: BrokerTransport): BrokerTransport =>
  (method, url, body) =>
    stepped(() => transport(method, url, body));

/** Channels to merchants with the same steps. */
export const steppedConnect =
  (connect: ConnectChannel): ConnectChannel =>
  async (url) => {
    const channel = await stepped(() => connect(url));
    return {
      get isOpen() {
        return channel.isOpen;
      },
      ...(channel.wire === undefined ? {} : { wire: steppedWire(channel.wire) }),
      request: (messages) => stepped(() => channel.request(messages)),
      close: () => channel.close(),
    };
  };

/** The messages of a session: one step each, as it leaves and as it comes. */
const steppedWire = (wire: Wire): Wire => ({
  send: (bytes) => {
    step();
    wire.send(bytes);
  },
  get unsent() {
    return wire.unsent;
  },
  pause: () => wire.pause(),
  resume: () => wire.resume(),
  close: () => wire.close(),
  listen: (events) =>
    wire.listen({
      message: (bytes) => {
        step();
        events.message(bytes);
      },
      closed: () => events.closed(),
    }),
});

async function stepped<T>(work: () => Promise<T>): Promise<T> {
  step();
  const result = await work();
  step();
  return result;
}

/** Asks again until there is nothing left, or the time is over: what is left then. */
export async function untilNone(
  left: () => Promise<readonly string[]>,
  within: number,
): Promise<readonly string[]> {
  const deadline = performance.now() + within;
  for (;;) {
    const remaining = await left();
    if (remaining.length === 0 || performance.now() > deadline) return remaining;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

const PAUSE = 10;
