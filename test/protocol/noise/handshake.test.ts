import { type Handshake, isRefusal, limits, startHandshake } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { repeatable } from "../../vectors/parties.ts";
import { altered, backEnds, ownKey, payloads, prologue, shaken, start } from "./parties.ts";

/** Points of X25519 with which every key shares zero: of orders 1, 2, 4 and 8, and other spellings of them. */
const lowOrder = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map((text) => new Uint8Array(Buffer.from(text, "hex")));

describe.each(backEnds)("a handshake on %s", (_, crypto) => {
  test("names its session by the same hash on both sides, and by another where anything differs", async () => {
    const { initiator, responder } = await shaken(crypto, 3);
    const [mine, theirs] = [initiator.finish(), responder.finish()];
    expect(mine.opening).toEqual(theirs.opening);
    expect(mine.opening).toHaveLength(32);
    const own = await ownKey(crypto, "initiator");
    const other = startHandshake({ role: "initiator", prologue, own, crypto, random: repeatable("other") });
    const listener = await start(crypto, "responder");
    await listener.read(await other.write(payloads[0]));
    await other.read(await listener.write(payloads[1]));
    await listener.read(await other.write(payloads[2]));
    expect(other.finish().opening).not.toEqual(mine.opening);
  });

  test("knows the other's static key only once its owner has proved to hold it", async () => {
    const { initiator, responder } = await shaken(crypto, 1);
    expect([initiator.remote, responder.remote]).toEqual([undefined, undefined]);
    const second = await responder.write(payloads[1]);
    const doubtful = (await shaken(crypto, 1)).initiator;
    await doubtful.read(altered(second, second.length - 1));
    expect(doubtful.remote).toBeUndefined();
    await initiator.read(second);
    expect(Uint8Array.from(initiator.remote ?? [])).toEqual((await ownKey(crypto, "responder")).publicKey);
    expect(responder.remote).toBeUndefined();
    await responder.read(await initiator.write(payloads[2]));
    expect(Uint8Array.from(responder.remote ?? [])).toEqual((await ownKey(crypto, "initiator")).publicKey);
  });

  test("does not come about where any bit of any message is changed on its way", async () => {
    const { messages } = await shaken(crypto, 3);
    for (const [index, message] of messages.entries())
      for (let at = 0; at < message.length; at += 1)
        if (await survives(crypto, index, altered(message, at)))
          expect.unreachable(`byte ${at} of message ${index}`);
  });

  test("does not come about where a message is cut short or stretched", async () => {
    const { messages } = await shaken(crypto, 3);
    for (const [index, message] of messages.entries()) {
      for (let length = 0; length < message.length; length += 1)
        if (await survives(crypto, index, message.subarray(0, length)))
          expect.unreachable(`${length} bytes of message ${index}`);
      expect(await survives(crypto, index, Uint8Array.from([...message, 0]))).toBe(false);
    }
  });

  test("refuses points of low order in place of an ephemeral key as they come", async () => {
    for (const point of lowOrder) {
      for (const spelling of [point, altered(point, 31)]) {
        const responder = await start(crypto, "responder");
        expect(await responder.read(spelling)).toMatchObject({ code: "malformed" });
        const { initiator, responder: honest } = await shaken(crypto, 1);
        const second = Uint8Array.from(await honest.write(payloads[1]));
        second.set(spelling);
        expect(await initiator.read(second)).toMatchObject({ code: "malformed" });
      }
    }
  });

  test("refuses a static key of low order, sealed by somebody who knows how", async () => {
    for (const point of lowOrder) {
      const own = { ...(await ownKey(crypto, "initiator")), publicKey: point };
      const rogue = startHandshake({ role: "initiator", prologue, own, crypto, random: repeatable("rogue") });
      const responder = await start(crypto, "responder");
      await responder.read(await rogue.write(payloads[0]));
      await rogue.read(await responder.write(payloads[1]));
      expect(await responder.read(await rogue.write(payloads[2]))).toMatchObject({ code: "malformed" });
      expect(responder.remote).toBeUndefined();
    }
  });

  test("does not take a static key whose private half the other side lacks", async () => {
    const { publicKey } = await ownKey(crypto, "responder");
    const own = { ...(await ownKey(crypto, "initiator")), publicKey };
    const rogue = startHandshake({ role: "initiator", prologue, own, crypto, random: repeatable("rogue") });
    const responder = await start(crypto, "responder");
    await responder.read(await rogue.write(payloads[0]));
    await rogue.read(await responder.write(payloads[1]));
    expect(await responder.read(await rogue.write(payloads[2]))).toMatchObject({ code: "unauthentic" });
  });

  test("does not take a message of another handshake, nor its own one back", async () => {
    const { messages } = await shaken(crypto, 3);
    const other = startHandshake({
      role: "responder",
      prologue,
      own: await ownKey(crypto, "responder"),
      crypto,
      random: repeatable("another ephemeral key"),
    });
    await other.read(messages[0] ?? new Uint8Array(0));
    await other.write(payloads[1]);
    expect(await other.read(messages[2] ?? new Uint8Array(0))).toMatchObject({ code: "unauthentic" });
    const initiator = await start(crypto, "initiator");
    const first = await initiator.write(payloads[0]);
    expect(isRefusal(await initiator.read(first))).toBe(true);
  });

  test("throws where its owner calls out of turn", async () => {
    const message = new Uint8Array(48);
    const tries: readonly (readonly [string, Handshake, (handshake: Handshake) => unknown])[] = [
      ["reads first", await start(crypto, "initiator"), (h) => h.read(message)],
      ["writes first", await start(crypto, "responder"), (h) => h.write(payloads[0])],
      ["writes twice", (await shaken(crypto, 1)).initiator, (h) => h.write(payloads[0])],
      ["reads twice", (await shaken(crypto, 1)).responder, (h) => h.read(message)],
      ["writes a fourth", (await shaken(crypto, 3)).initiator, (h) => h.write(payloads[0])],
      ["reads a fourth", (await shaken(crypto, 3)).responder, (h) => h.read(message)],
      ["writes while writing", await start(crypto, "initiator"), twice],
    ];
    for (const [name, handshake, call] of tries)
      await expect(async () => await call(handshake), name).rejects.toMatchObject({ code: "internal" });
  });

  test("throws where its keys are asked for too early, twice or after it failed", async () => {
    for (const count of [0, 1, 2]) {
      const { initiator, responder } = await shaken(crypto, count);
      for (const side of [initiator, responder]) expect(() => side.finish()).toThrow("handshake");
    }
    const { initiator } = await shaken(crypto, 3);
    initiator.finish();
    expect(() => initiator.finish()).toThrow("handshake");
    const failed = (await shaken(crypto, 1)).initiator;
    expect(isRefusal(await failed.read(new Uint8Array(200)))).toBe(true);
    expect(() => failed.finish()).toThrow("handshake");
    await expect(async () => await failed.write(payloads[2])).rejects.toMatchObject({ code: "internal" });
  });

  test("takes payloads up to the length of a message of Noise and no longer", async () => {
    const initiator = await start(crypto, "initiator");
    const responder = await start(crypto, "responder");
    const longest = new Uint8Array(limits.handshakeBytes - 32);
    expect(await responder.read(await initiator.write(longest))).toHaveLength(longest.length);
    const wordy = await start(crypto, "initiator");
    await expect(async () => await wordy.write(new Uint8Array(longest.length + 1))).rejects.toThrow(
      "too long",
    );
    const deaf = await start(crypto, "responder");
    expect(await deaf.read(new Uint8Array(limits.handshakeBytes + 1).fill(9))).toMatchObject({
      code: "malformed",
    });
  });
});

/** Whether a handshake ends well whose message `index` comes as these bytes. */
async function survives(crypto: Parameters<typeof shaken>[0], index: number, message: Uint8Array) {
  const { initiator, responder } = await shaken(crypto, index);
  const [writer, reader] = index === 1 ? [responder, initiator] : [initiator, responder];
  await writer.write(payloads[index] ?? payloads[0]);
  const read = await reader.read(message);
  if (isRefusal(read)) {
    expect(["malformed", "unauthentic"]).toContain(read.code);
    return false;
  }
  // The first message travels in the clear: what was changed in it shows in the second.
  return index > 0 || !isRefusal(await writer.read(await reader.write(payloads[1])));
}

/** Calls again before the first call has ended. */
const twice = (handshake: Handshake) =>
  Promise.all([handshake.write(payloads[0]), handshake.write(payloads[0])]);
