/**
 * A session after its handshake: items out and in, several to a message, each message sealed (docs/protocol.md section 13).
 * What does not open, decode or belong here ends the connection.
 */
import {
  type Cipher,
  type Codec,
  decodeAs,
  encodeAs,
  idBytes,
  isRefusal,
  limits,
  type Or,
  ping,
  pong,
  sessionClose,
  type Txn,
  toText,
} from "@lepta/protocol";
import { TRANSPORT } from "../channel/frame.ts";
import { afterTurn, type Runtime, type Wire, type WireEvents } from "../ports.ts";
import { ITEM_HEAD, packAlone, unpackItems } from "./frame.ts";
import { type Line, lineOf, type Sleeper } from "./line.ts";

/** What a handshake leaves. */
export interface SessionKeys {
  /** The handshake's hash: 32 bytes that name the session. */
  readonly opening: Uint8Array;
  readonly send: Cipher;
  readonly receive: Cipher;
}

export interface SessionEvents {
  /** The items of one message, each with its number first; heartbeats are not among them. */
  items(items: readonly Uint8Array[]): void;
  /** Once, when the session has ended, with the code that the other side gave, where it gave one. */
  ended(code: string | undefined): void;
  /** Of each item on its way out and in, for who looks on. */
  passed?(isOurs: boolean, item: Uint8Array): void;
}

/** The numbers of the items that are the session's own. */
const PING = 8;
const PONG = 9;
const CLOSE = 10;
/** Of an item's array and number. */
const HEADS = 2;

/** The number of an item: every one is an array whose first element is a number below 24. */
export const itemKind = (item: Uint8Array): number => item[1] ?? 0;

/** Small while nothing happens: a merchant has thousands. What it is told by its wire and its clock is not for others to call. */
export class Session implements WireEvents, Sleeper {
  /** The session's name in logs and tables. */
  readonly id: Txn;
  readonly #wire: Wire;
  readonly #send: Cipher;
  readonly #receive: Cipher;
  readonly #runtime: Runtime;
  readonly #events: SessionEvents;
  #outgoing: Uint8Array[] = NOTHING;
  #isFlushing = false;
  /** Where a cipher answers later, what comes after waits for it. */
  #sealing: Promise<void> | undefined;
  #opening: Promise<void> | undefined;
  #isOpen = true;
  #isHeard = true;
  #isAsked = false;
  readonly #most: number;
  /** Where it waits for its next heartbeat. */
  #line: Line;

  /** `most` is what the other side takes in one message, in bytes. */
  constructor(
    wire: Wire,
    keys: SessionKeys,
    runtime: Runtime,
    events: SessionEvents,
    most: number = limits.frameBytes,
  ) {
    this.id = toText(keys.opening);
    this.#most = most;
    this.#wire = wire.itself ?? wire;
    this.#send = keys.send;
    this.#receive = keys.receive;
    this.#runtime = runtime;
    this.#events = events;
    this.#line = lineOf(runtime, limits.heartbeat);
    this.#line.enter(this);
    wire.listen(this);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The handshake's hash: 32 bytes that name the session. */
  get opening(): Uint8Array {
    return idBytes(this.id);
  }

  /** Sends an item with whatever else is sent in this turn. */
  send(item: Uint8Array): void {
    if (!this.#isOpen) return;
    this.#events.passed?.(true, item);
    if (this.#outgoing === NOTHING) this.#outgoing = [item];
    else this.#outgoing.push(item);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    afterTurn(this.#runtime, () => this.flush());
  }

  /** Sends now what waits. */
  flush(): void {
    this.#isFlushing = false;
    while (this.#isOpen && this.#outgoing.length > 0) {
      // The other side does not read: what it is owed is kept by lanes, and not here.
      if (this.#wire.unsent > limits.unreadBytes) {
        this.#break();
        return;
      }
      const count = fitting(this.#outgoing, this.#most);
      const items = count === this.#outgoing.length ? this.#outgoing : this.#outgoing.slice(0, count);
      this.#outgoing = count === this.#outgoing.length ? NOTHING : this.#outgoing.slice(count);
      this.#seal(packAlone(items));
    }
  }

  /** Ends the session in good order. */
  close(code: string): void {
    if (!this.#isOpen) return;
    this.send(encodeAs(sessionClose, [CLOSE, code]));
    this.flush();
    const last = this.#sealing ?? Promise.resolve();
    this.#end(undefined);
    last.then(() => this.#wire.close());
  }

  /** Reads nothing more until `resume`: as often as it was paused. */
  pause(): void {
    this.#wire.pause();
  }

  resume(): void {
    this.#wire.resume();
  }

  #seal(packed: Uint8Array): void {
    // A key that is used up: the next session has another.
    if (this.#send.left <= 0) {
      this.#break();
      return;
    }
    const sealed = this.#send.seal(packed, TRANSPORT);
    if (!(sealed instanceof Promise) && this.#sealing === undefined) {
      this.#wire.send(sealed);
      return;
    }
    const before = this.#sealing;
    const mine = Promise.all([sealed, before]).then(([bytes]) => {
      this.#wire.send(bytes);
      if (this.#sealing === mine) this.#sealing = undefined;
    });
    this.#sealing = mine;
  }

  message(bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    if (bytes[0] !== TRANSPORT) {
      this.#break();
      return;
    }
    const opened = this.#receive.open(bytes, 1);
    if (!(opened instanceof Promise) && this.#opening === undefined) {
      this.#take(opened);
      return;
    }
    const before = this.#opening;
    const mine = Promise.all([opened, before]).then(([plain]) => {
      this.#take(plain);
      if (this.#opening === mine) this.#opening = undefined;
    });
    this.#opening = mine;
  }

  #take(plain: Or<Uint8Array>): void {
    if (!this.#isOpen) return;
    const items = isRefusal(plain) ? plain : unpackItems(plain);
    if (isRefusal(items)) {
      this.#break();
      return;
    }
    this.#isHeard = true;
    this.#isAsked = false;
    let own = 0;
    for (const item of items) {
      const kind = itemKind(item);
      if (item.length < HEADS) {
        this.#break();
        return;
      }
      this.#events.passed?.(false, item);
      if (kind < PING || kind > CLOSE) continue;
      own += 1;
      if (!this.#attend(kind, item)) return;
    }
    if (own === 0) this.#events.items(items);
    else if (own < items.length)
      this.#events.items(items.filter((item) => itemKind(item) < PING || itemKind(item) > CLOSE));
  }

  /** Heartbeats and the end; tells whether the session goes on. */
  #attend(kind: number, item: Uint8Array): boolean {
    const codec: Codec<readonly (string | number)[]> =
      kind === PING ? ping : kind === PONG ? pong : sessionClose;
    const read = decodeAs<readonly (string | number)[]>(codec, item);
    if (isRefusal(read)) this.#break();
    else if (kind === PING) this.send(encodeAs(pong, [PONG, Number(read[1])]));
    else if (kind === CLOSE) {
      this.#end(String(read[1]));
      this.#wire.close();
    }
    return this.#isOpen;
  }

  /** Nobody can go on with this connection. */
  #break(): void {
    this.#end(undefined);
    this.#wire.close();
  }

  #end(code: string | undefined): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#line.leave(this);
    this.#outgoing = NOTHING;
    this.#events.ended(code);
  }

  closed(): void {
    this.#end(undefined);
  }

  /** Silence is asked about, and then taken for the end. */
  wake(): void {
    if (this.#isAsked) {
      this.#break();
      return;
    }
    if (!this.#isHeard) {
      this.#send.rest?.();
      this.#receive.rest?.();
      this.#isAsked = true;
      this.send(encodeAs(ping, [PING, 0]));
    }
    this.#isHeard = false;
    this.#line = lineOf(
      this.#runtime,
      this.#isAsked ? limits.sessionSilence - limits.heartbeat : limits.heartbeat,
    );
    this.#line.enter(this);
  }
}

/** In place of an array of its own, for sessions that say nothing. */
const NOTHING: Uint8Array[] = [];

/** What a message has besides its items, at most: its first byte, the head of the array, Noise's tag. */
const FRAME_HEAD = 32;

/** How many of these fit into one message; at least one. */
function fitting(items: readonly Uint8Array[], most: number): number {
  let room = most - FRAME_HEAD;
  let count = 0;
  for (const item of items) {
    room -= item.length + ITEM_HEAD;
    if (count > 0 && (room < 0 || count >= limits.frameMessages)) break;
    count += 1;
  }
  return count;
}
