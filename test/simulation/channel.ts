/** Channels from customers to merchants, without sockets: over the network that loses and doubles, copied as a socket would. */
import { type ConnectChannel, LeptaError, type Visit } from "@lepta/peer-sdk";
import type { Clock } from "./clock.ts";
import type { Interceptor } from "./interceptor.ts";
import type { Life } from "./life.ts";
import { type Network, newLine } from "./network.ts";
import type { Recorder } from "./recorder.ts";
import type { Weather } from "./weather.ts";
import { openWire, type WireEnd } from "./wire.ts";

/** What an address leads to. */
export interface Place {
  readonly isOpen: boolean;
  readonly life: Life;
  visit(): Visit;
}

export interface Visitor {
  readonly name: string;
  /** Whether its connections carry sessions: without them every message has an envelope of its own. */
  readonly hasSessions: boolean;
  readonly around: {
    readonly clock: Clock;
    readonly weather: Weather;
    readonly network: Network;
    readonly recorder: Recorder;
    readonly interceptor: Interceptor;
    readonly places: ReadonlyMap<string, Place>;
  };
}

/** Opens channels to merchants over the network. */
export function connectFor(peer: Visitor, life: Life): ConnectChannel {
  const { network, recorder } = peer.around;
  return (url) =>
    life.call("network connect", async () => {
      const line = newLine(`${peer.name} → ${url}`);
      const { home, visit, wire } = await network.exchange({
        line,
        deliver: async () => knock(peer, life, url),
      });
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
          return isOpen && wire?.isOpen !== false;
        },
        ...(wire === undefined ? {} : { wire }),
        request: (messages) =>
          life.call(`channel ${kindsOf(messages)}`, async () => {
            if (!isOpen || wire?.isOpen === false) throw new LeptaError("unreachable", "closed");
            recorder.toMerchant(peer.name, url, kindsOf(messages), messages);
            return network.exchange({
              line,
              deliver: () => answered(messages),
              onBreak: () => {
                isOpen = false;
                wire?.close();
              },
            });
          }),
        close: () => {
          isOpen = false;
          wire?.close();
        },
      };
    });
}

/** Who is at home there, the handler of a new connection, and the wire on it where both have sessions. */
function knock(
  { around, hasSessions }: Visitor,
  life: Life,
  url: string,
): { readonly home: Life; readonly visit: Visit; readonly wire: WireEnd | undefined } {
  const { places, clock, weather, interceptor } = around;
  const place = places.get(url);
  if (place === undefined || !place.isOpen) throw new LeptaError("unreachable", url);
  const home = place.life;
  const visit = place.visit();
  if (!hasSessions || visit.attach === undefined) return { home, visit, wire: undefined };
  const meddle = (bytes: Uint8Array) => interceptor.onWire(bytes);
  const [wire, theirs] = openWire({ clock, weather, lives: [life, home], meddle });
  visit.attach(theirs);
  return { home, visit, wire };
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
