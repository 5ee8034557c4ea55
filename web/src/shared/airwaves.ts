/** What the tabs of one wallet say to each other: all of them hear everything but what they say themselves. */
import type { ErrorCode } from "@lepta/protocol/core";
import type { Method } from "./methods.ts";

export type Message =
  /** A tab looks for the wallet. */
  | { readonly kind: "who" }
  /** The wallet is open in a tab, which goes by this name for as long as it is. */
  | { readonly kind: "here"; readonly holder: string; readonly uid: string }
  /** It is not any more: nobody answers under this name. */
  | { readonly kind: "gone"; readonly holder: string }
  | { readonly kind: "changed"; readonly holder: string }
  | Ask
  | Answer;

export interface Ask {
  readonly kind: "ask";
  readonly holder: string;
  /** Who asks, and which of its calls this is. */
  readonly tab: string;
  readonly call: number;
  readonly method: Method;
  readonly args: readonly unknown[];
  /** Later than this, in milliseconds, nobody waits for it any more: it must not begin. */
  readonly until: number;
}

export interface Answer {
  readonly kind: "answer";
  readonly tab: string;
  readonly call: number;
  readonly outcome: Outcome;
}

/** `gone`: whoever had begun it had to leave it, and it is not known what becomes of it. */
export type Outcome =
  | { readonly value: unknown }
  | { readonly code: ErrorCode; readonly message: string }
  | "gone";

export interface Airwaves {
  post(message: Message): void;
  listen(heard: (message: Message) => void): void;
  close(): void;
}

/** The browser's own, within one origin: who can speak there can do all that this page can. */
export function broadcast(name: string): Airwaves {
  const channel = new BroadcastChannel(name);
  return {
    post: (message) => channel.postMessage(message),
    listen: (heard) => {
      channel.onmessage = ({ data }: MessageEvent<unknown>) => {
        // A page of an earlier version, from before an update, may say what we do not know.
        if (isMessage(data)) heard(data);
      };
    },
    close: () => channel.close(),
  };
}

const KINDS = ["who", "here", "gone", "changed", "ask", "answer"];

const isMessage = (data: unknown): data is Message =>
  typeof data === "object" && data !== null && "kind" in data && KINDS.includes(String(data.kind));
