/** Strangers at both ends of a handshake: whatever they send ends it by name, and nothing is kept of it. */
import { type Merchant, memoryPeerStore, type Wire } from "@lepta/peer-sdk";
import {
  type Cipher,
  concat,
  decodeAs,
  defaultNoise,
  encodeAs,
  equalBytes,
  type Handshake,
  idBytes,
  isErrorCode,
  isRefusal,
  LeptaError,
  pong,
  sessionClose,
  sessionHello,
  startHandshake,
  utf8,
} from "@lepta/protocol";
import { afterAll, describe, expect, test } from "vitest";
import { HANDSHAKE, TRANSPORT } from "../../peer-sdk/src/channel/frame.ts";
import { packItems, unpackItems } from "../../peer-sdk/src/session/frame.ts";
import { openHandshake } from "../../peer-sdk/src/session/handshake.ts";
import { itemKind } from "../../peer-sdk/src/session/session.ts";
import { quiet } from "../peer-sdk/support/by-hand.ts";
import { given, Hand } from "../peer-sdk/support/hand.ts";
import { createWorld } from "../peer-sdk/support/world.ts";
import { mutated, seedOf } from "./support/mutate.ts";
import { type Draw, drawFor, runs, SEED } from "./support/random.ts";
import { SLOW, told, until, watchedPair } from "./support/raw-session.ts";

const SHOP = "ws://shop.example/pay";
/** Of each layer: every one is a handshake. */
const RUNS = 1000;

const world = await createWorld({ sessions: true, seed: `handshake ${SEED}` });
afterAll(() => world.close());
const { broker, runtime, transport, network } = world;
let commits = 0;
const store = memoryPeerStore();
const merchant: Merchant = await world.merchant(SHOP, {
  store: {
    ...store,
    commit: (changes) => {
      commits += 1;
      return store.commit(changes);
    },
  },
  catalogue: { page: { price: "EUR 0.01", deliver: () => "page" } },
});
const seller = await Hand.open({ broker, runtime, transport, store });
const buyer = await Hand.open({ broker, runtime, transport, store: memoryPeerStore() });

const startAs = (hand: Hand, role: "initiator" | "responder"): Handshake =>
  startHandshake({
    role,
    prologue: concat(utf8("lepta/1"), idBytes(network)),
    own: given(hand.party.identity.opening.agreement),
    crypto: defaultNoise,
    random: (length) => runtime.random(length),
  });
const framed = (message: Uint8Array): Uint8Array => concat(new Uint8Array([HANDSHAKE]), message);

/** Whole hellos, with and without a session that they resume. */
async function hellosOf(hand: Hand): Promise<readonly Uint8Array[]> {
  const { bytes: credential } = await hand.party.credential();
  return [
    encodeAs(sessionHello, { credential }),
    encodeAs(sessionHello, { credential, resumes: new Uint8Array(32).fill(7) }),
  ];
}
const hellos = { buyer: await hellosOf(buyer), seller: await hellosOf(seller) };
const seedsOf = (inputs: readonly Uint8Array[]) => inputs.map(seedOf);

/** What comes on a wire, as it comes. */
function heard(wire: Wire): { readonly messages: Uint8Array[]; isClosed: boolean } {
  const state = { messages: [] as Uint8Array[], isClosed: false };
  wire.listen({
    message: (bytes) => state.messages.push(bytes),
    closed: () => {
      state.isClosed = true;
    },
  });
  return state;
}

const next = async (state: ReturnType<typeof heard>): Promise<Uint8Array | undefined> => {
  await until(() => state.messages.length > 0 || state.isClosed);
  return state.messages.shift();
};

/** The same hello, but for what it resumes: that is its own business. */
const saysTheSame = (payload: Uint8Array, honest: Uint8Array): boolean => {
  const [said, meant] = [decodeAs(sessionHello, payload), decodeAs(sessionHello, honest)];
  return !isRefusal(said) && !isRefusal(meant) && equalBytes(said.credential, meant.credential);
};

interface Spoken {
  readonly input: Uint8Array;
  /** Whether it is one that is taken. */
  readonly mayPass: boolean;
  readonly mayBeInternal?: boolean;
}

describe(`a stranger's handshake is ended by a merchant, which keeps nothing of it (seed ${SEED}):`, () => {
  /** `speak` says whether what it sent may be taken. */
  async function visited(
    name: string,
    speak: (draw: Draw, own: Handshake, wire: Wire, state: ReturnType<typeof heard>) => Promise<Spoken>,
  ): Promise<void> {
    const draw = drawFor(`handshake merchant ${name}`);
    const inputs = runs(RUNS);
    const before = commits;
    for (let i = 0; i < inputs; i += 1) {
      const [ours, theirs, thrown] = watchedPair(false);
      merchant.visit().attach?.(theirs);
      const state = heard(ours);
      const { input, mayPass } = await speak(draw, startAs(buyer, "initiator"), ours, state);
      await quiet(3);
      if (thrown.length > 0) throw new Error(told(String(thrown[0]), input));
      if (world.faults.length > 0) throw new Error(told(String(world.faults[0]), input));
      // A session that stands says so in its first message; whom nobody could read hears nothing more.
      const isAnswered = state.messages.some(([lead]) => lead === TRANSPORT);
      if (isAnswered && !mayPass) throw new Error(told("it was taken", input));
      ours.close();
    }
    await quiet();
    expect(world.faults).toEqual([]);
    expect(commits).toBe(before);
  }

  test("anything in the place of its first message", { timeout: SLOW }, async () => {
    await visited("first", async (draw, own, wire) => {
      const good = framed(await own.write(new Uint8Array(0)));
      const input = mutated(draw, [seedOf(good)]).slice();
      wire.send(input);
      return { input, mayPass: false };
    });
  });

  test("anything in the place of its third", { timeout: SLOW }, async () => {
    await visited("third", async (draw, own, wire, state) => {
      wire.send(framed(await own.write(new Uint8Array(0))));
      const second = given(await next(state), "second message");
      await own.read(second.subarray(1));
      const good = framed(await own.write(draw.pick(hellos.buyer)));
      const input = mutated(draw, [seedOf(good)]).slice();
      wire.send(input);
      return { input, mayPass: equalBytes(input, good) };
    });
  });

  test("any hello under good keys", { timeout: SLOW }, async () => {
    let taken = 0;
    await visited("hello", async (draw, own, wire, state) => {
      wire.send(framed(await own.write(new Uint8Array(0))));
      await own.read(given(await next(state), "second message").subarray(1));
      const input = mutated(draw, seedsOf(hellos.buyer)).slice();
      wire.send(framed(await own.write(input)));
      const { receive } = own.finish();
      const verdict = await next(state);
      const isTaken = verdict !== undefined && itemKind(await onlyItem(receive, verdict)) === 9;
      if (isTaken) taken += 1;
      if (isTaken && !saysTheSame(input, given(hellos.buyer[0])))
        throw new Error(told("it was taken", input));
      return { input, mayPass: isTaken };
    });
    expect(taken).toBeLessThan(runs(RUNS));
  });

  async function onlyItem(receive: Cipher, message: Uint8Array): Promise<Uint8Array> {
    const plain = await receive.open(message, 1);
    const items = isRefusal(plain) ? plain : unpackItems(plain);
    if (isRefusal(items) || items.length !== 1) throw new Error("a verdict is one item");
    return given(items[0]);
  }
});

describe(`a stranger's handshake is refused by name by a customer (seed ${SEED}):`, () => {
  /** `speak` answers as a merchant, and says which codes may come of it, and whether it may be taken. */
  async function met(
    name: string,
    speak: (draw: Draw, own: Handshake, wire: Wire, state: ReturnType<typeof heard>) => Promise<Spoken>,
  ): Promise<void> {
    const draw = drawFor(`handshake customer ${name}`);
    for (let i = 0; i < runs(RUNS); i += 1) {
      const [ours, theirs, thrown] = watchedPair(true);
      const state = heard(ours);
      const outcome = openHandshake(
        buyer.party,
        theirs,
        () => {},
        () => undefined,
      ).then(
        () => undefined,
        (error: unknown) => error,
      );
      const { input, mayPass, mayBeInternal } = await speak(draw, startAs(seller, "responder"), ours, state);
      await quiet(3);
      // What it waits for does not come.
      ours.close();
      const error = await outcome;
      if (thrown.length > 0) throw new Error(told(String(thrown[0]), input));
      if (error === undefined && !mayPass) throw new Error(told("it was taken", input));
      if (error === undefined) continue;
      const isNamed = error instanceof LeptaError && isErrorCode(error.code);
      if (!isNamed || (error.code === "internal" && !mayBeInternal))
        throw new Error(told(String(error), input));
    }
  }

  test("anything in the place of its second message", { timeout: SLOW }, async () => {
    await met("second", async (draw, own, wire, state) => {
      await own.read(given(await next(state), "first message").subarray(1));
      const good = framed(await own.write(draw.pick(hellos.seller)));
      const input = mutated(draw, [seedOf(good)]).slice();
      wire.send(input);
      return { input, mayPass: false };
    });
  });

  test("any hello under good keys", { timeout: SLOW }, async () => {
    await met("hello", async (draw, own, wire, state) => {
      await own.read(given(await next(state), "first message").subarray(1));
      const input = mutated(draw, seedsOf(hellos.seller)).slice();
      wire.send(framed(await own.write(input)));
      return { input, mayPass: false };
    });
  });

  test("any verdict under a good seal", { timeout: SLOW }, async () => {
    const verdicts = [
      encodeAs(pong, [9, 0]),
      encodeAs(sessionClose, [10, "unknown-peer"]),
      encodeAs(sessionClose, [10, "nonsense"]),
    ].map((item) => packItems([item]));
    await met("verdict", async (draw, own, wire, state) => {
      await own.read(given(await next(state), "first message").subarray(1));
      wire.send(framed(await own.write(given(hellos.seller[0]))));
      await own.read(given(await next(state), "third message").subarray(1));
      const { send } = own.finish();
      const input = mutated(draw, seedsOf(verdicts)).slice();
      wire.send(await send.seal(input, TRANSPORT));
      const items = unpackItems(input);
      const [item = new Uint8Array(0)] = isRefusal(items) ? [] : items;
      const isOne = !isRefusal(items) && items.length === 1;
      return {
        input,
        mayPass: isOne && !isRefusal(decodeAs(pong, item)),
        // A reason that nobody knows is told so.
        mayBeInternal: !isRefusal(decodeAs(sessionClose, item)),
      };
    });
  });
});
