/** Ways to a broker and a merchant that answer the same bytes with the same bytes: each is asked once, then its reply is told again. */
import { createHash } from "node:crypto";
import type { BrokerTransport, Channel, ConnectChannel, Runtime } from "@lepta/peer-sdk";
import { isRefusal, LeptaError, readEncrypt, readSign1 } from "@lepta/protocol";
import { stepsSoFar } from "./steps.ts";

/** How many replies are remembered; a liar can make a peer ask for more than any table holds. */
const REMEMBERED = 500;

export interface Replay {
  readonly transport: BrokerTransport;
  readonly connect: ConnectChannel;
  /** Paths of the broker whose answers get lost, and `ws` for the merchant's. */
  readonly cut: Set<string>;
  /** What becomes of replies of one media type. */
  target: string | undefined;
  mangle: (reply: Uint8Array) => Promise<Uint8Array>;
  /** The latest reply that was mangled, and how many were. */
  readonly last: () => Uint8Array;
  readonly mangled: () => number;
  /** Steps of those who answered, and of what mangles. */
  readonly steps: () => number;
  /** Forgets all replies. */
  forget(): void;
}

/** Everything goes through `transport` and `connect` the first time. */
export function replayOf(transport: BrokerTransport, connect: ConnectChannel): Replay {
  const replies = new Map<string, { readonly contentType: string; readonly bodies: readonly Uint8Array[] }>();
  const cut = new Set<string>();
  let last = new Uint8Array(0);
  let mangled = 0;
  let steps = 0;

  const apart = async <T>(work: () => Promise<T>): Promise<T> => {
    const before = stepsSoFar();
    const result = await work();
    steps += stepsSoFar() - before;
    return result;
  };
  const passed = async (reply: Uint8Array): Promise<Uint8Array> => {
    if (replay.target === undefined || typeOf(reply) !== replay.target) return reply;
    mangled += 1;
    last = (await replay.mangle(reply)).slice();
    return last.slice();
  };
  const ask = async (
    name: string,
    messages: readonly Uint8Array[],
    live: () => Promise<{ readonly contentType: string; readonly bodies: readonly Uint8Array[] }>,
  ) => {
    const hash = createHash("sha256").update(name);
    for (const each of messages) hash.update(`${each.length} `).update(each);
    const key = hash.digest("base64");
    const answer = replies.get(key) ?? (await live());
    if (cut.has(name)) throw new LeptaError("unreachable");
    if (replies.size < REMEMBERED) replies.set(key, answer);
    const bodies: Uint8Array[] = [];
    for (const each of answer.bodies) bodies.push(await passed(each));
    return { contentType: answer.contentType, bodies };
  };

  const replay: Replay = {
    transport: (method, url, body) =>
      apart(async () => {
        const { contentType, bodies } = await ask(new URL(url).pathname, body ? [body] : [], async () => {
          const answer = await transport(method, url, body);
          return { contentType: answer.contentType, bodies: [answer.body] };
        });
        return { contentType, body: bodies[0] ?? new Uint8Array(0) };
      }),
    connect: async (url) => {
      let live: Channel | undefined;
      return {
        isOpen: true,
        request: (messages) =>
          apart(async () => {
            const { bodies } = await ask("ws", messages, async () => {
              live ??= await connect(url);
              return { contentType: "", bodies: await live.request(messages) };
            });
            return bodies;
          }),
        close: () => live?.close(),
      };
    },
    cut,
    target: undefined,
    mangle: async (reply) => reply,
    last: () => last,
    mangled: () => mangled,
    steps: () => steps,
    forget: () => replies.clear(),
  };
  return replay;
}

/** A COSE_Sign1 begins with tag 18; everything else that a peer takes is sealed. */
export const SIGN1_LEAD = 0xd2;

/** The media type that a reply claims; undefined where it claims none. */
export function typeOf(reply: Uint8Array): string | undefined {
  const parts = reply[0] === SIGN1_LEAD ? readSign1(reply) : readEncrypt(reply);
  return isRefusal(parts) ? undefined : parts.contentType;
}

/** A clock that stands, and randomness that begins again where it is told to: the same work asks with the same bytes. */
export function repeatingRuntime(now: number): Runtime & { restart(at: number): void } {
  let drawn = 0;
  const blocks = new Map<number, Uint8Array>();
  const block = (at: number): Uint8Array => {
    const known = blocks.get(at) ?? new Uint8Array(createHash("sha256").update(`replay ${at}`).digest());
    if (blocks.size < REMEMBERED) blocks.set(at, known);
    return known;
  };
  return {
    now: () => now,
    random: (length) => {
      const out = new Uint8Array(length);
      for (let have = 0; have < length; have += 32) {
        out.set(block(drawn).subarray(0, Math.min(32, length - have)), have);
        drawn += 1;
      }
      return out;
    },
    sleep: async () => {},
    later: () => () => {},
    restart: (at) => {
      drawn = at;
    },
  };
}
