import { concat, orThrow } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { fixed, repeatable } from "../../vectors/parties.ts";
import { noiseC } from "./noise-c.ts";
import {
  backEnds,
  ownKey,
  payloads,
  privateOf,
  prologue,
  type Role,
  session,
  shaken,
  start,
} from "./parties.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const counterpart = (role: Role) => noiseC(role, prologue, privateOf(role), repeatable(`ephemeral ${role}`));

describe.each(backEnds)("Noise on %s and noise-c", (_, crypto) => {
  test("understand each other when ours begins", async () => {
    const ours = await start(crypto, "initiator");
    const theirs = counterpart("responder");
    expect(theirs.read(await ours.write(payloads[0]))).toEqual(payloads[0]);
    expect(hex(orThrow(await ours.read(theirs.write(payloads[1]))))).toBe(hex(payloads[1]));
    expect(theirs.read(await ours.write(payloads[2]))).toEqual(payloads[2]);
    await expectOneSession(
      ours,
      theirs,
      await ownKey(crypto, "responder"),
      await ownKey(crypto, "initiator"),
    );
  });

  test("understand each other when noise-c begins", async () => {
    const ours = await start(crypto, "responder");
    const theirs = counterpart("initiator");
    expect(hex(orThrow(await ours.read(theirs.write(payloads[0]))))).toBe(hex(payloads[0]));
    expect(theirs.read(await ours.write(payloads[1]))).toEqual(payloads[1]);
    expect(hex(orThrow(await ours.read(theirs.write(payloads[2]))))).toBe(hex(payloads[2]));
    await expectOneSession(
      ours,
      theirs,
      await ownKey(crypto, "initiator"),
      await ownKey(crypto, "responder"),
    );
  });

  test("write the same bytes where they draw the same randomness, empty payloads or not", async () => {
    for (const said of [payloads, payloads.map(() => new Uint8Array(0))]) {
      const [initiator, responder] = [await start(crypto, "initiator"), await start(crypto, "responder")];
      const [first, second] = [counterpart("initiator"), counterpart("responder")];
      for (const [index, payload] of said.entries()) {
        const [writer, reader, same, other] =
          index === 1 ? [responder, initiator, second, first] : [initiator, responder, first, second];
        const message = await writer.write(payload);
        expect(hex(same.write(payload))).toBe(hex(message));
        expect(other.read(message)).toEqual(payload);
        expect(hex(orThrow(await reader.read(message)))).toBe(hex(payload));
      }
      const [ours, theirs] = [initiator.finish(), first.finish()];
      expect(hex(theirs.opening)).toBe(hex(ours.opening));
      for (const plain of [fixed("one"), new Uint8Array(0), fixed("three")])
        expect(hex(concat(Uint8Array.of(1), theirs.seal(plain)))).toBe(hex(await ours.send.seal(plain, 1)));
    }
  });

  test("disagree where the prologues do", async () => {
    const ours = await start(crypto, "initiator");
    const theirs = noiseC("responder", fixed("another"), privateOf("responder"), repeatable("any"));
    theirs.read(await ours.write(payloads[0]));
    expect(await ours.read(theirs.write(payloads[1]))).toMatchObject({ code: "unauthentic" });
  });

  test("open what the other seals after many messages, in both directions", async () => {
    const ours = await start(crypto, "initiator");
    const theirs = counterpart("responder");
    theirs.read(await ours.write(payloads[0]));
    await ours.read(theirs.write(payloads[1]));
    theirs.read(await ours.write(payloads[2]));
    const [mine, other] = [ours.finish(), theirs.finish()];
    for (let i = 0; i < 300; i += 1) {
      const plain = new Uint8Array(i).fill(i);
      const sealed = await mine.send.seal(plain, 1);
      expect(hex(other.open(sealed.slice(1)))).toBe(hex(plain));
      expect(hex(orThrow(await mine.receive.open(other.seal(plain), 0)))).toBe(hex(plain));
    }
  });
});

test.each(backEnds)("a handshake on %s is the one that is written down", async (_, crypto) => {
  const { messages } = await shaken(crypto, 3);
  const { initiator, responder } = await session(crypto);
  expect(messages.map(hex)).toMatchInlineSnapshot(`
    [
      "124b0f87e024d856075fa76a3d28181f359d75f7c99329eea25c604fc8ae3c7e696e2074686520636c656172",
      "e75161aa7a47e6c5202e7644996e66f9b023e76df69e5691c568a509eb3805527610fda36d1dda788e4af417f20901ee90b6bb78b02bba87d8a1e63ca687f9a3dccb49de0e3f8537f5868e1c37f460e213cacde41470d3a8a6e1bd82eefdcd95dd879e0fa3b6c413fe57861f06d260dab2cbf7cf55c21a",
      "bc65c9156c77c970b9702f966ec204f3c8104358edf3a633bf8b852df0043946ce7893855548f68001f39a6ac8f1e4986738900d37a1b6b81d132c0792920e77a832fd009cef1458ed1147a71dce27e7",
    ]
  `);
  expect(hex(initiator.opening)).toMatchInlineSnapshot(
    `"681567f1c763532083eafa4a0221d6046442c8b4c89f9f80cc4ebbf6c40dd2b3"`,
  );
  expect(hex(await initiator.send.seal(fixed("to the responder"), 1))).toMatchInlineSnapshot(
    `"01914ec8ebf4ad10d8eb4d47173510b54a678086359c6a71c48868cee9a987db6cdacfbce203b65096359d9f2662fe4589"`,
  );
  expect(hex(await responder.send.seal(fixed("to the initiator"), 1))).toMatchInlineSnapshot(
    `"01b372b6654b944d7954ee2ef90a7ead7effad7fe75a1f6fe0feb0bbcb1b4feb6ebccc77d6f6fad03d37d54a178889f03f"`,
  );
});

type Ours = Awaited<ReturnType<typeof start>>;

async function expectOneSession(
  ours: Ours,
  theirs: ReturnType<typeof counterpart>,
  their: { readonly publicKey: Uint8Array },
  our: { readonly publicKey: Uint8Array },
): Promise<void> {
  expect(hex(ours.remote ?? new Uint8Array(0))).toBe(hex(their.publicKey));
  const [mine, other] = [ours.finish(), theirs.finish()];
  expect(hex(other.remote)).toBe(hex(our.publicKey));
  expect(hex(mine.opening)).toBe(hex(other.opening));
  for (const plain of [fixed("plain"), new Uint8Array(0), new Uint8Array(1000)]) {
    const sealed = await mine.send.seal(plain, 7);
    expect(sealed).toHaveLength(1 + plain.length + 16);
    expect(sealed[0]).toBe(7);
    expect(hex(other.open(sealed.slice(1)))).toBe(hex(plain));
    const answer = concat(Uint8Array.of(9, 9), other.seal(plain));
    expect(hex(orThrow(await mine.receive.open(answer, 2)))).toBe(hex(plain));
  }
}
