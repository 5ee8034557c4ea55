/** What the bench asks of its processes, and how they answer: one call at a time over the IPC channel. */

/** What a process offers: each takes one plain value and gives one. */
export type Calls = Readonly<Record<string, (argument: never) => Promise<unknown>>>;

export interface CallMessage {
  readonly name: string;
  readonly argument: unknown;
}

export type AnswerMessage = { readonly value: unknown } | { readonly error: string };

export type SuiteChoice = "default" | "figure-4" | "figure-4-openssl";

export interface MerchantStart {
  readonly broker: string;
  readonly suite: SuiteChoice;
  /** Where the merchant's store is kept; undefined keeps it in memory. */
  readonly dir: string | undefined;
}

export interface CustomerStart {
  readonly broker: string;
  readonly suite: SuiteChoice;
  readonly url: string;
  readonly connections: number;
}

/** Of WebSocket messages, in bytes. */
export interface FrameBytes {
  readonly request: number;
  readonly response: number;
}

/** One measurement at the customer's end. */
export interface Load {
  readonly count: number;
  readonly seconds: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface ServerCalls<S> extends Calls {
  start(options: S): Promise<{ readonly url: string }>;
  /** Microseconds of CPU that the process has used so far, in user and system mode, over all of its threads. */
  cpu(argument: undefined): Promise<number>;
}

export interface ClientCalls<S> extends Calls {
  start(options: S): Promise<void>;
  load(seconds: number): Promise<Load>;
}

export type MerchantCalls = ServerCalls<MerchantStart>;
export type EchoServerCalls = ServerCalls<{ readonly responseBytes: number }>;
export interface CustomerCalls extends ClientCalls<CustomerStart> {
  frameBytes(argument: undefined): Promise<FrameBytes>;
}
export type EchoCustomerCalls = ClientCalls<{
  readonly url: string;
  readonly requestBytes: number;
  readonly connections: number;
}>;

/** In a child: answers the parent's calls, and ends when the parent does. */
export function answerCalls(calls: Calls): void {
  process.on("message", (message: CallMessage) => {
    const call = calls[message.name] as ((argument: unknown) => Promise<unknown>) | undefined;
    if (call === undefined) throw new Error(`no such call: ${message.name}`);
    call(message.argument).then(
      (value) => answer({ value }),
      (error: unknown) =>
        answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  // An orderly exit, so that a profile that was asked for is written.
  process.once("disconnect", () => process.exit(0));
}

/** The whole process's CPU time so far, in microseconds. */
export const cpuMicroseconds = async (): Promise<number> => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

const answer = (message: AnswerMessage): void => {
  process.send?.(message);
};
