/** What the bench asks of its processes, and how they answer: one call at a time over the IPC channel. */
import type { OutstandingResult } from "./outstanding.ts";

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
  /** Of each connection's customer: so many purchases of theirs can be under way at once. */
  readonly scrips: number;
}

export interface WalletStart {
  readonly broker: string;
  readonly url: string;
  readonly connections: number;
  /** Keeps the sizes of the WebSocket messages, for `sizes`. */
  readonly watched: boolean;
}

export interface PaywallStart {
  /** None for the handler alone, without a paywall before it. */
  readonly broker: string | undefined;
  /** Where the merchant's store is kept; undefined keeps it in memory. */
  readonly dir: string | undefined;
  /** The intent that it is paid by. */
  readonly intent: "session" | "charge";
}

export interface PayerStart {
  /** None for those who pay nothing. */
  readonly broker: string | undefined;
  /** The handler's, and where its merchant speaks over WebSockets. */
  readonly url: string;
  readonly address: string;
  readonly connections: number;
}

export interface EchoStart {
  /** Bytes of the answer, or of the request: the whole WebSocket message. */
  readonly bytes: number;
  /** Inside a session, or bare. */
  readonly sealed: boolean;
}

/** Of WebSocket messages, in bytes. */
export interface FrameBytes {
  readonly request: number;
  readonly response: number;
}

export interface LoadOrder {
  readonly seconds: number;
  /** Exchanges under way on each connection. */
  readonly depth: number;
}

/** One measurement at the customer's end. */
export interface Load {
  readonly count: number;
  readonly seconds: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** What every process tells of itself. */
export interface ProcessCalls extends Calls {
  /** Microseconds of CPU that the process has used so far, in user and system mode, over all of its threads. */
  cpu(argument: undefined): Promise<number>;
  beginProfile(argument: undefined): Promise<void>;
  /** Ends it, and writes it to this file. */
  endProfile(file: string): Promise<void>;
}

export interface ServerCalls<S> extends ProcessCalls {
  start(options: S): Promise<{ readonly url: string }>;
}

export interface ClientCalls<S> extends ProcessCalls {
  start(options: S): Promise<void>;
  load(order: LoadOrder): Promise<Load>;
}

/** The end that sells. */
export interface SellerCalls<S> extends ServerCalls<S> {
  /** Between measurements: sends the notices, and lets go of what nobody asks for any more. */
  tidy(argument: undefined): Promise<void>;
  /** The merchant's UID, and what its books say was sold, in millionths. */
  books(argument: undefined): Promise<{ readonly uid: string; readonly sold: number }>;
}

export type MerchantCalls = SellerCalls<MerchantStart>;
export interface PaywallCalls extends SellerCalls<PaywallStart> {
  start(options: PaywallStart): Promise<{ readonly url: string; readonly address: string }>;
}

/** The end that buys. */
export interface BuyerCalls<S> extends ClientCalls<S> {
  tidy(argument: undefined): Promise<void>;
  /** Ends everything in good order; tells how many purchases were answered with their goods. */
  finish(argument: undefined): Promise<number>;
}

export type CustomerCalls = BuyerCalls<CustomerStart>;
export type PayerCalls = BuyerCalls<PayerStart>;
export interface WalletCalls extends BuyerCalls<WalletStart> {
  /** Buys so many on each connection, with so many under way. */
  buy(order: { readonly count: number; readonly depth: number }): Promise<void>;
  /** The median sizes of the messages of a session, since the start. */
  sizes(argument: undefined): Promise<FrameBytes>;
}

export type EchoServerCalls = ServerCalls<EchoStart>;
export type EchoCustomerCalls = ClientCalls<
  EchoStart & { readonly url: string; readonly connections: number }
>;

/** What a server's process holds, in bytes. */
export interface Memory {
  readonly resident: number;
  /** On V8's heap and in buffers beside it. */
  readonly heap: number;
}

export interface IdleServerCalls extends Calls {
  /** `broker` for a merchant; none for bare connections. */
  start(options: { readonly broker: string | undefined }): Promise<{ readonly url: string }>;
  /** After a collection of garbage. */
  memory(argument: undefined): Promise<Memory>;
}

export interface IdleCustomerCalls extends Calls {
  /** So many connections more, idle from then on; sessions where there is a broker to be enrolled at. */
  open(options: {
    readonly url: string;
    readonly broker: string | undefined;
    readonly count: number;
  }): Promise<void>;
}

export interface OutstandingCalls extends Calls {
  /** Spends and issues at both sizes, in so many rounds of so many each. */
  measure(options: { readonly rounds: number; readonly spends: number }): Promise<OutstandingResult>;
}

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
  process.once("disconnect", () => process.exit(0));
}

const answer = (message: AnswerMessage): void => {
  process.send?.(message);
};
