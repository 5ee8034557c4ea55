import { isRefusal, limits, orThrow } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { CountingCipher } from "../../../protocol/src/noise/cipher.ts";
import { fixed } from "../../vectors/parties.ts";
import { altered, backEnds, session } from "./parties.ts";

const plains = ["one", "two", "three"].map(fixed);
const bytes = (value: unknown): Uint8Array => Uint8Array.from(value as Uint8Array);

describe.each(backEnds)("a cipher of a session on %s", (_, crypto) => {
  test("opens each message once and in its order, of any length up to a frame's", async () => {
    const { initiator, responder } = await session(crypto);
    for (const [from, to] of [
      [initiator, responder],
      [responder, initiator],
    ] as const)
      for (const length of [0, 1, 15, 16, 17, 150, 65_535, 65_536, limits.frameBytes]) {
        const plain = new Uint8Array(length).fill(length % 251);
        const sealed = await from.send.seal(plain, 1);
        expect(sealed).toHaveLength(1 + length + 16);
        const opened = orThrow(await to.receive.open(sealed, 1));
        // Element by element a megabyte takes seconds.
        expect(Buffer.compare(plain, opened)).toBe(0);
      }
  });

  test("does not mind another at work at the same time: each counts its own messages", async () => {
    const [one, other] = [await session(crypto), await session(crypto)];
    // The other is three messages ahead.
    for (const plain of plains)
      orThrow(await other.responder.receive.open(await other.initiator.send.seal(plain, 1), 1));
    const sealed = plains.map((plain) => [
      one.initiator.send.seal(plain, 1),
      other.initiator.send.seal(plain, 1),
    ]);
    const messages = await Promise.all(sealed.flat());
    const opened = messages.map((message, i) =>
      (i % 2 === 0 ? one : other).responder.receive.open(message, 1),
    );
    const expected = plains.flatMap((plain) => [plain, plain]);
    expect((await Promise.all(opened)).map((each) => bytes(orThrow(each)))).toEqual(expected);
  });

  test("goes on where it stood when it has rested, and stays broken where it was", async () => {
    const { initiator, responder } = await session(crypto);
    for (const plain of plains) {
      initiator.send.rest?.();
      responder.receive.rest?.();
      const sealed = await initiator.send.seal(plain, 1);
      expect(bytes(orThrow(await responder.receive.open(sealed, 1)))).toEqual(plain);
    }
    const last = await initiator.send.seal(fixed("last"), 1);
    expect(await responder.receive.open(altered(last, 1), 1)).toMatchObject({ code: "unauthentic" });
    responder.receive.rest?.();
    expect(await responder.receive.open(last, 1)).toMatchObject({ code: "unauthentic" });
    expect(responder.receive.left).toBe(0);
  });

  test("opens nothing that was altered, and nothing after it", async () => {
    const { initiator } = await session(crypto);
    const first = await initiator.send.seal(fixed("first"), 1);
    const second = await initiator.send.seal(fixed("second"), 1);
    for (let at = 1; at < first.length; at += 1) {
      const { responder } = await session(crypto);
      expect(await responder.receive.open(altered(first, at), 1)).toMatchObject({ code: "unauthentic" });
      for (const message of [first, second])
        expect(await responder.receive.open(message, 1)).toMatchObject({ code: "unauthentic" });
      expect(responder.receive.left).toBe(0);
    }
  });

  test("opens nothing that was cut short or stretched", async () => {
    const { initiator } = await session(crypto);
    const sealed = await initiator.send.seal(fixed("first"), 1);
    for (let length = 0; length < sealed.length; length += 1) {
      const { responder } = await session(crypto);
      const opened = await responder.receive.open(sealed.subarray(0, length), 1);
      expect(opened).toMatchObject({ code: length < 17 ? "malformed" : "unauthentic" });
      expect(isRefusal(await responder.receive.open(sealed, 1))).toBe(true);
    }
    const { responder } = await session(crypto);
    expect(await responder.receive.open(Uint8Array.from([...sealed, 0]), 1)).toMatchObject({
      code: "unauthentic",
    });
  });

  test("refuses what comes again, too early or back to its sender", async () => {
    const { initiator } = await session(crypto);
    const sealed: Uint8Array[] = [];
    for (const plain of plains) sealed.push(bytes(await initiator.send.seal(plain, 1)));
    for (const order of [
      [0, 0],
      [1, 0],
      [0, 2],
      [0, 1, 0],
    ]) {
      const { responder } = await session(crypto);
      const answers = [];
      for (const index of order)
        answers.push(await responder.receive.open(sealed[index] ?? fixed("none"), 1));
      const wrong = order.findIndex((index, at) => index !== at);
      for (const [at, answer] of answers.entries())
        if (at < wrong) expect(bytes(answer)).toEqual(plains[at]);
        else expect(answer).toMatchObject({ code: "unauthentic" });
    }
    expect(await initiator.receive.open(sealed[0] ?? fixed("none"), 1)).toMatchObject({
      code: "unauthentic",
    });
  });

  test("answers in order where several messages come at once, and believes none after one that is wrong", async () => {
    const { initiator, responder } = await session(crypto);
    const sealed = await Promise.all(plains.map((plain) => initiator.send.seal(plain, 1)));
    const answers = await Promise.all(sealed.map((message) => responder.receive.open(message, 1)));
    expect(answers.map(bytes)).toEqual(plains);
    const more = await Promise.all(plains.map((plain) => initiator.send.seal(plain, 1)));
    const [one, two, three] = more.map(bytes);
    const attacked = [one, two === undefined ? undefined : altered(two, 5), three].map((message) =>
      responder.receive.open(message ?? fixed("none"), 1),
    );
    const [good, bad, late] = await Promise.all(attacked);
    expect(bytes(good)).toEqual(plains[0]);
    expect([bad, late]).toMatchObject([{ code: "unauthentic" }, { code: "unauthentic" }]);
  });

  test("lets what came before in time be read where something too short comes after it", async () => {
    const { initiator, responder } = await session(crypto);
    const good = responder.receive.open(await initiator.send.seal(fixed("good"), 1), 1);
    const short = responder.receive.open(Uint8Array.of(1), 1);
    expect(bytes(await good)).toEqual(fixed("good"));
    expect(await short).toMatchObject({ code: "malformed" });
  });

  test("leaves the byte before a message and the bytes around it alone", async () => {
    const { initiator, responder } = await session(crypto);
    const plain = fixed("plain");
    const sealed = bytes(await initiator.send.seal(plain, 0xab));
    expect(plain).toEqual(fixed("plain"));
    expect(sealed[0]).toBe(0xab);
    const before = sealed.slice();
    expect(bytes(await responder.receive.open(sealed, 1))).toEqual(plain);
    expect(sealed).toEqual(before);
  });

  test("seals and opens as many messages as one key may, and no more", async () => {
    const key = fixed("key");
    const [last, other] = [1, 1].map(() => new CountingCipher(crypto.aead(key), limits.cipherMessages - 1));
    expect(last?.left).toBe(1);
    const sealed = await last?.seal(fixed("last"), 1);
    expect(last?.left).toBe(0);
    await expect(async () => await last?.seal(fixed("one more"), 1)).rejects.toMatchObject({
      code: "internal",
    });
    expect(bytes(await other?.open(sealed ?? fixed("none"), 1))).toEqual(fixed("last"));
    expect(await other?.open(sealed ?? fixed("none"), 1)).toMatchObject({ code: "unauthentic" });
  });

  test("counts in the last eight bytes of its nonce, the highest first", async () => {
    const nonces: string[] = [];
    const spy = new CountingCipher(
      {
        seal: (nonce, plain) => {
          nonces.push(Buffer.from(nonce).toString("hex"));
          return plain;
        },
        open: () => undefined,
      },
      255,
    );
    for (const plain of plains) await spy.seal(plain, 1);
    expect(nonces).toEqual([
      "0000000000000000000000ff",
      "000000000000000000000100",
      "000000000000000000000101",
    ]);
  });
});
