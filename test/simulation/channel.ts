/** Channels from customers to merchants, without sockets: over the network that loses and doubles, copied as a socket would. */
import { type ConnectChannel, LeptaError, type Visit } from "@lepta/peer-sdk";
import type { Life } from "./life.ts";
import { type Network, newLine } from "./network.ts";
import type { Recorder } from "./recorder.ts";

/** What an address leads to. */
export interface Place {
  readonly isOpen: boolean;
  readonly life: Life;
  visit(): Visit;
}

export interface Visitor {
  readonly name: string;
  readonly around: {
    readonly network: Network;
    readonly recorder: Recorder;
    readonly places: ReadonlyMap<string, Place>;
  };
}

/** Opens channels to merchants over the network. */
export function connectFor(peer: Visitor, life: Life): ConnectChannel {
  const { network, places, recorder } = peer.around;
  return (url) =>
    life.call("network connect", async () => {
      const line = newLine(`${peer.name} → ${url}`);
      const { home, visit } = await network.exchange({ line, deliver: async () => knock(places, url) });
      let isOpen = true;
      home.onDeath(() => {
        isOpen = false;
      });
      const answered = async (messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]> => {
        if (home.isDead) throw new LeptaError("unreachable", "nobody is at home");
        const outcome = await home.outlive(
          home.call(`visit ${kindsOf(messages)}`, () => visit(messages.map((each) => each.slice()))),
        );
        if (outcome === undefined) throw new LeptaError("unreachable", "the merchant died");
        return outcome.value.map((each) => each.slice());
      };
      return {
        get isOpen() {
          return isOpen;
        },
        request: (messages) =>
          life.call(`channel ${kindsOf(messages)}`, async () => {
            if (!isOpen) throw new LeptaError("unreachable", "closed");
            recorder.toMerchant(peer.name, url, kindsOf(messages), messages);
            return network.exchange({
              line,
              deliver: () => answered(messages),
              onBreak: () => {
                isOpen = false;
              },
            });
          }),
        close: () => {
          isOpen = false;
        },
      };
    });
}

/** Who is at home there, and the handler of a new connection. */
function knock(
  places: ReadonlyMap<string, Place>,
  url: string,
): { readonly home: Life; readonly visit: Visit } {
  const place = places.get(url);
  if (place === undefined || !place.isOpen) throw new LeptaError("unreachable", url);
  return { home: place.life, visit: place.visit() };
}

/** The kinds of messages, from their media types, which stand in the clear at their head. */
export function kindsOf(messages: readonly Uint8Array[]): string {
  return messages
    .map((bytes) => {
      const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD)).toString(
        "latin1",
      );
      return /lepta\.([a-z-]+)/.exec(head)?.[1] ?? "?";
    })
    .join(",");
}

const HEAD = 160;
