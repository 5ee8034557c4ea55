/** Between a wire and a session: what comes before a handshake has ended, and keys that are used up. */
import { encodeAs, laneClose, limits, ping, pong } from "@lepta/protocol";
import { expect, test } from "vitest";
import type { Wire, WireEvents } from "../../peer-sdk/src/ports.ts";
import { packItems } from "../../peer-sdk/src/session/frame.ts";
import { acceptHandshake, openHandshake } from "../../peer-sdk/src/session/handshake.ts";
import { Session, type SessionKeys } from "../../peer-sdk/src/session/session.ts";
import { sessionParty } from "../browser/parties.ts";
import { customer, merchant, now } from "../vectors/parties.ts";
import { virtualRuntime } from "./support/virtual.ts";
import { repeatableRuntime } from "./support/world.ts";

const item = (number: number): Uint8Array => encodeAs(laneClose, [7, number]);
/** Nothing here waits for anything: who would have to be woken is not. */
const runtime = {
  now: () => now,
  random: (length: number) => crypto.getRandomValues(new Uint8Array(length)),
  sleep: async () => {},
  later: () => () => {},
};

test("a customer that goes on at once loses nothing, and the merchant reads nothing before it knows who speaks", async () => {
  const [left, right] = wires();
  const parties = { customer: await sessionParty(customer), merchant: await sessionParty(merchant) };
  const accepted = acceptHandshake(parties.merchant, right.wire);
  const opened = await openHandshake(
    parties.customer,
    left.wire,
    () => {},
    () => undefined,
  );
  const ours = new Session(opened.wire, opened.keys, runtime, nobody);
  // Each a message of its own: more than would fit into one.
  for (let i = 1; i <= 500; i += 1) {
    ours.send(item(i));
    ours.flush();
  }
  const { keys, wire } = await accepted;
  expect(right.pauses()).toBe(1);
  const seen: Uint8Array[] = [];
  await new Promise<void>((resolve) => {
    const theirs: Session = new Session(wire, keys, runtime, {
      items: (items) => {
        // Also what came first finds the session made.
        if (theirs.isOpen) seen.push(...items.map((each) => Uint8Array.from(each)));
        if (seen.length >= 500) resolve();
      },
      ended: () => expect.unreachable("the session ended"),
    });
  });
  expect(seen).toEqual(Array.from({ length: 500 }, (_, index) => item(index + 1)));
  await settled();
  expect(right.pauses()).toBe(0);
});

test("a stranger that does not heed the pause is cut off before it fills the memory", async () => {
  const [stranger, held] = wires();
  const accepted = acceptHandshake(await sessionParty(merchant), held.wire);
  const refused = expect(accepted).rejects.toMatchObject({ code: "wrong-type" });
  const message = new Uint8Array(limits.requestFrameBytes).fill(1);
  let sent = 0;
  while (!held.isClosed()) {
    stranger.wire.send(message);
    sent += message.length;
    if (sent > 4 * limits.frameBytes) expect.unreachable("still connected");
    await Promise.resolve();
  }
  expect(held.pauses()).toBe(0);
  await refused;
});

test("a session whose key is used up ends, and what it would have sent goes nowhere", async () => {
  const [left, right] = wires();
  let ends = 0;
  const session = new Session(left.wire, usedUp(), runtime, {
    ...nobody,
    ended: () => {
      ends += 1;
    },
  });
  right.wire.listen({ message: () => expect.unreachable("a message"), closed: () => {} });
  session.send(item(1));
  session.flush();
  await settled();
  expect([session.isOpen, ends, left.isClosed()]).toEqual([false, 1, true]);
});

test("a session asks a silent side whether it is there, and takes more silence for the end", async () => {
  const [left, right] = wires();
  const clock = virtualRuntime(repeatableRuntime("idle"));
  let ends = 0;
  const asked: Uint8Array[] = [];
  const session = new Session(left.wire, plainKeys(), clock, {
    ...nobody,
    ended: () => {
      ends += 1;
    },
  });
  right.wire.listen({ message: (bytes) => asked.push(bytes), closed: () => {} });
  // What is heard at the start of a beat counts for all of it.
  await clock.pass(2 * limits.heartbeat - 1, settled);
  expect(asked).toEqual([]);
  await clock.pass(1, settled);
  expect(asked).toEqual([inMessage(encodeAs(ping, [8, 0]))]);
  await clock.pass(limits.sessionSilence - limits.heartbeat - 1, settled);
  expect([session.isOpen, ends]).toEqual([true, 0]);
  await clock.pass(1, settled);
  expect([session.isOpen, ends, left.isClosed()]).toEqual([false, 1, true]);
  expect(clock.waiting()).toBe(0);
});

test("a session whose other side answers goes on, and asks again when that falls silent", async () => {
  const [left, right] = wires();
  const clock = virtualRuntime(repeatableRuntime("idle"));
  let asked = 0;
  const session = new Session(left.wire, plainKeys(), clock, nobody);
  right.wire.listen({
    message: () => {
      asked += 1;
      right.wire.send(inMessage(encodeAs(pong, [9, 0])));
    },
    closed: () => {},
  });
  await clock.pass(100 * limits.heartbeat, settled);
  expect(session.isOpen).toBe(true);
  expect(asked).toBeGreaterThan(20);
});

test("a thousand sessions that wait for their heartbeats take one timer, and none when they have ended", async () => {
  const clock = virtualRuntime(repeatableRuntime("idle"));
  const sessions: Session[] = [];
  for (let i = 0; i < 1000; i += 1) {
    sessions.push(new Session(wires()[0].wire, plainKeys(), clock, nobody));
    if (i % 100 === 99) await clock.pass(1, settled);
  }
  expect(clock.waiting()).toBe(1);
  for (const session of sessions) session.close("closed");
  await settled();
  expect(clock.waiting()).toBe(0);
});

const nobody = { items: () => {}, ended: () => {} };

/** Ciphers that leave everything as it is. */
function plainKeys(): SessionKeys {
  const cipher = {
    left: limits.cipherMessages,
    seal: (plain: Uint8Array, lead: number) => Uint8Array.of(lead, ...plain),
    open: (message: Uint8Array, offset: number) => message.slice(offset),
  };
  return { opening: new Uint8Array(32), send: cipher, receive: cipher };
}

/** A message of the session with this item alone. */
const inMessage = (only: Uint8Array): Uint8Array => Uint8Array.of(1, ...packItems([only]));

/** Ciphers that may seal nothing more. */
function usedUp(): SessionKeys {
  const cipher = {
    left: 0,
    seal: () => {
      throw new Error("sealed once too often");
    },
    open: (message: Uint8Array) => message,
  };
  return { opening: new Uint8Array(32), send: cipher, receive: cipher };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Two ends of a connection in memory that heeds no pause. */
function wires() {
  const ends = [end(), end()] as const;
  ends[0].join(ends[1]);
  ends[1].join(ends[0]);
  return ends;
}

interface End {
  readonly wire: Wire;
  readonly pauses: () => number;
  readonly isClosed: () => boolean;
  readonly finish: () => void;
  readonly deliver: (bytes: Uint8Array) => void;
  readonly join: (other: End) => void;
}

function end(): End {
  let events: WireEvents = { message: () => {}, closed: () => {} };
  let other: End | undefined;
  let held = 0;
  let isClosed = false;
  const finish = (): void => {
    if (isClosed) return;
    isClosed = true;
    queueMicrotask(() => events.closed());
  };
  const wire: Wire = {
    send: (bytes) => {
      const copy = Uint8Array.from(bytes);
      queueMicrotask(() => other?.deliver(copy));
    },
    unsent: 0,
    pause: () => {
      held += 1;
    },
    resume: () => {
      held -= 1;
    },
    close: () => {
      finish();
      other?.finish();
    },
    listen: (listener) => {
      events = listener;
    },
  };
  return {
    wire,
    finish,
    pauses: () => held,
    isClosed: () => isClosed,
    deliver: (bytes) => {
      if (!isClosed) events.message(bytes);
    },
    join: (peer) => {
      other = peer;
    },
  };
}
