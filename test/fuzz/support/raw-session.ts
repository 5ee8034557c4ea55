/** One side of a session with the keys in a test's hands: whatever bytes it likes, sealed as they should be or not at all. */
import type { Wire } from "@lepta/peer-sdk";
import { decodeAs, encodeAs, isRefusal, orThrow, ping, pong } from "@lepta/protocol";
import { TRANSPORT } from "../../../peer-sdk/src/channel/frame.ts";
import { packItems, unpackItems } from "../../../peer-sdk/src/session/frame.ts";
import { itemKind, type SessionKeys } from "../../../peer-sdk/src/session/session.ts";
import { type TestWire, wirePair } from "../../peer-sdk/support/world.ts";
import { SEED } from "./random.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What a wire may take to answer what it answers at once, in turns of the loop: far more than anything needs. */
const PATIENCE = 5000;
const PONG = 9;

/**
 * Inputs of each layer of one side. Most end a session, and the next needs a handshake, and at the customer a wallet. What is
 * damaged under the seal does not open, whatever it was: the seal's own tests say so of every byte.
 */
export const SESSION_RUNS = { sealed: 500, message: 1500, items: 1500, exchanged: 1500 } as const;
/** Minutes on a machine that others use too; a long search takes as long as it was asked to. */
export const SLOW = process.env.LEPTA_FUZZ_RUNS === undefined ? 240_000 : 0;

/** A pair of wires whose second end tells what its listener throws, instead of ending the process. */
export function watchedPair(
  customerIsWatched: boolean,
  thrown: unknown[] = [],
): readonly [ours: TestWire, theirs: TestWire, thrown: unknown[]] {
  const [customers, merchants] = wirePair();
  const [own, other] = customerIsWatched ? [merchants, customers] : [customers, merchants];
  const watched: TestWire = {
    ...other,
    get isOpen() {
      return other.isOpen;
    },
    listen: (events) =>
      other.listen({
        message: (bytes) => caught(() => events.message(bytes)),
        closed: () => caught(() => events.closed()),
      }),
  };
  const caught = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      thrown.push(error);
    }
  };
  return [own, watched, thrown];
}

/** Waits until something is so; false where it never is. */
export async function until(isSo: () => boolean): Promise<boolean> {
  for (let i = 0; i < PATIENCE && !isSo(); i += 1) await turn();
  return isSo();
}

/** What is told of an input that broke a rule. */
export const told = (what: string, input: Uint8Array): string =>
  `${what} at ${Buffer.from(input).toString("hex")} (LEPTA_FUZZ_SEED=${SEED})`;

export class RawSession {
  readonly items: Uint8Array[] = [];
  readonly #wire: Wire;
  readonly #keys: SessionKeys;
  #isClosed = false;
  #pings = 2 ** 40;
  #ponged = 0;

  constructor(wire: Wire, keys: SessionKeys) {
    this.#wire = wire;
    this.#keys = keys;
    wire.listen({
      message: (bytes) => this.#take(bytes),
      closed: () => {
        this.#isClosed = true;
      },
    });
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  get opening(): Uint8Array {
    return this.#keys.opening;
  }

  /** What this plaintext is on the wire. The next one is sealed under the next nonce, whether this one is sent or not. */
  async sealed(plain: Uint8Array): Promise<Uint8Array> {
    return this.#keys.send.seal(plain, TRANSPORT);
  }

  sendAsIs(bytes: Uint8Array): void {
    this.#wire.send(bytes);
  }

  async sendPlain(plain: Uint8Array): Promise<void> {
    this.#wire.send(await this.sealed(plain));
  }

  send(...items: readonly Uint8Array[]): Promise<void> {
    return this.sendPlain(packItems(items));
  }

  /** The next item of a kind; undefined where the session ends before, or says nothing. */
  async next(...kinds: readonly number[]): Promise<Uint8Array | undefined> {
    const find = () => this.items.findIndex((item) => kinds.includes(itemKind(item)));
    await until(() => this.#isClosed || find() >= 0);
    const at = find();
    return at < 0 ? undefined : this.items.splice(at, 1)[0];
  }

  /** Whether the other side goes on, by an echo, or has ended the session. Throws where it does neither: it hangs. */
  async goesOn(): Promise<boolean> {
    if (this.#isClosed) return false;
    this.#pings += 1;
    await this.send(encodeAs(ping, [8, this.#pings]));
    if (!(await until(() => this.#isClosed || this.#ponged === this.#pings)))
      throw new Error("it neither answers nor ends the session");
    return !this.#isClosed;
  }

  close(): void {
    this.#wire.close();
    this.#isClosed = true;
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const plain = await this.#keys.receive.open(bytes, 1);
    // A second error of the test's own: what the other side sends always opens.
    for (const item of orThrow(unpackItems(orThrow(plain)))) {
      const echo = itemKind(item) === PONG ? decodeAs(pong, item) : undefined;
      if (echo !== undefined && !isRefusal(echo)) this.#ponged = Math.max(this.#ponged, echo[1]);
      else this.items.push(item.slice());
    }
  }
}
