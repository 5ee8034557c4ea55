/** A function of the broker as whoever invokes it sees it: an event in, an answer or an error out. */
import type { FunctionName } from "@lepta/lambdas";

export type Invocable = (event: unknown) => Promise<unknown>;

export interface Functions {
  readonly invocables: Readonly<Record<FunctionName, Invocable>>;
  close(): Promise<void>;
}
