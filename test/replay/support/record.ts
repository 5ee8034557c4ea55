/** Writes down every message of a run as it was on the wire, with the answers that it got. */
import type { BrokerTransport, Channel, ConnectChannel, PeerStore, Visit, Wire } from "@lepta/peer-sdk";

/** One request and its answers, as an eavesdropper behind TLS would have them. */
export interface Exchange {
  /** Who sent it. */
  readonly by: string;
  /** A door of the broker, as in `"/authorise"`, or a merchant's address. */
  readonly at: string;
  readonly request: Uint8Array;
  readonly answers: readonly Uint8Array[];
}

/** A message of a session, as it was on the wire. */
export interface Sent {
  readonly by: string;
  readonly at: string;
  readonly bytes: Uint8Array;
}

export interface Recorder {
  readonly exchanges: readonly Exchange[];
  /** What customers sent in sessions, in order. */
  readonly sessions: readonly Sent[];
  transport(by: string, inner: BrokerTransport): BrokerTransport;
  connect(by: string, inner: ConnectChannel): ConnectChannel;
  visit(by: string, at: string, inner: Visit): Visit;
}

export function recorder(): Recorder {
  const exchanges: Exchange[] = [];
  const note = (by: string, at: string, requests: readonly Uint8Array[], answers: readonly Uint8Array[]) => {
    // The peers send one message in a frame; all the answers of the frame are its answers.
    for (const request of requests) exchanges.push({ by, at, request, answers });
    return answers;
  };
  const sessions: Sent[] = [];
  const recorded = (by: string, at: string, wire: Wire): Wire => ({
    send: (bytes) => {
      sessions.push({ by, at, bytes: bytes.slice() });
      wire.send(bytes);
    },
    get unsent() {
      return wire.unsent;
    },
    pause: () => wire.pause(),
    resume: () => wire.resume(),
    close: () => wire.close(),
    listen: (events) => wire.listen(events),
  });
  return {
    exchanges,
    sessions,
    transport: (by, inner) => async (method, url, body) => {
      const answer = await inner(method, url, body);
      if (body !== undefined) note(by, new URL(url).pathname, [body], [answer.body]);
      return answer;
    },
    connect:
      (by, inner) =>
      async (url): Promise<Channel> => {
        const channel = await inner(url);
        return {
          get isOpen() {
            return channel.isOpen;
          },
          ...(channel.wire === undefined ? {} : { wire: recorded(by, url, channel.wire) }),
          request: async (messages) => note(by, url, messages, await channel.request(messages)),
          close: () => channel.close(),
        };
      },
    visit: (by, at, inner) => async (messages) => note(by, at, messages, await inner(messages)),
  };
}

/** A store that counts its commits: a replay that writes anything is seen at once. */
export function countedStore(inner: PeerStore, count: () => void): PeerStore {
  return {
    ...inner,
    commit: (changes) => {
      count();
      return inner.commit(changes);
    },
  };
}
