/** What an adversarial merchant does with frames: it runs the production code, and lies about what came out of it. */
import { LeptaError, type Visit, type Wire } from "@lepta/peer-sdk";
import {
  authorizationRequest,
  isRefusal,
  makeScripId,
  mint,
  type Opened,
  openMessage,
  sha256,
  toText,
  vendorscripRequest,
} from "@lepta/protocol";
import type { Hand } from "../peer-sdk/support/hand.ts";
import { kindsOf } from "./channel.ts";
import { attendAsLiar, type LiarMemory } from "./liar-merchant.ts";
import type { CustomerSide, MerchantSide } from "./peers.ts";
import type { Draws } from "./random.ts";
import { adversaries as rates } from "./rates.ts";

type Frame = readonly Uint8Array[];
/** What comes of a frame; `honest` is what the production code makes of it. */
type Lie = (frame: Frame, honest: () => Promise<Frame>, liar: Liar) => Promise<Frame>;

interface Liar {
  readonly merchant: MerchantSide;
  readonly draws: Draws;
  readonly accomplices: readonly CustomerSide[];
  /** What it has answered to others. */
  readonly said: Frame[];
}

const lies: readonly Lie[] = [
  // Takes the money and is gone.
  async (_frame, honest) => {
    await honest();
    throw new LeptaError("unreachable", "the merchant does not answer");
  },
  // Answers with what was another's.
  async (_frame, honest, { said, draws }) => {
    const answer = await honest();
    return said.length === 0 ? answer : draws.pick(said);
  },
  async (_frame, honest) => [...(await honest())].reverse(),
  async (_frame, honest) => (await honest()).slice(0, 1),
  async () => [],
  async (_frame, _honest, { draws }) => [draws.bytes(300)],
  async (frame) => frame,
  async (_frame, honest, { draws }) => (await honest()).map((bytes) => altered(bytes, draws)),
];

/** Twists some frames of an adversarial merchant. */
export function twistOf(draws: Draws, counter: { count: number }, customers: () => readonly CustomerSide[]) {
  const said: Frame[] = [];
  const memory: LiarMemory = new Map();
  return (visit: Visit, merchant: MerchantSide): Visit => {
    const twisted = async (messages: Frame): Promise<Frame> => {
      const { weather } = merchant.around;
      const kind = kindsOf(messages);
      const isObtain = kind === "vendorscrip-request";
      const isTwisted = kind !== "hello" && draws.chance(isObtain ? rates.twistObtain : rates.twist);
      if (!weather.has("adversary") || !isTwisted) {
        const answer = await visit(messages);
        if (said.length < REMEMBERED) said.push(answer);
        else said[draws.below(REMEMBERED)] = answer;
        return answer;
      }
      counter.count += 1;
      const others = customers().filter(({ options, isOpen }) => !options.isHonest && isOpen);
      const lie = isObtain && draws.chance(0.7) ? collect : draws.pick(lies);
      return lie(messages, () => visit(messages), {
        merchant,
        draws,
        accomplices: others,
        said,
      });
    };
    const { attach } = visit;
    if (attach === undefined) return twisted;
    const lied = (): void => {
      counter.count += 1;
    };
    const exceeded = (uid: string): void => {
      const who = customers().find((each) => each.uid === uid);
      if (who?.options.isHonest)
        merchant.around.findings.broken(
          "what is not stated is bounded",
          `${who.name} buys on at ${merchant.name}`,
        );
    };
    return Object.assign(twisted, {
      attach: (wire: Wire): void => {
        const isLiar = merchant.around.weather.has("adversary") && draws.chance(rates.liarSession);
        if (isLiar) attendAsLiar({ hand: () => merchant.hand(), draws, memory, exceeded, lied }, wire);
        else attach(wire);
      },
    });
  };
}

const REMEMBERED = 16;

function altered(bytes: Uint8Array, draws: Draws): Uint8Array {
  const copy = bytes.slice();
  const at = draws.below(copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << draws.below(8));
  return copy;
}

/** Shows the customer's part for B in a request of its own making: for more, in another's name, for other scrip. */
async function collect(frame: Frame, honest: () => Promise<Frame>, liar: Liar): Promise<Frame> {
  const { merchant, draws, accomplices } = liar;
  const hand = await merchant.hand();
  const { opening } = hand.party.identity;
  const opened = await openMessage(frame[0] ?? new Uint8Array(), [vendorscripRequest], (kid) =>
    kid === opening.id ? opening : undefined,
  );
  if (isRefusal(opened)) return honest();
  const accomplice =
    draws.chance(0.6) && accomplices.length > 0 ? await draws.pick(accomplices).hand() : hand;
  await ask(accomplice, opened, draws);
  return draws.chance(0.5) ? honest() : [];
}

async function ask(
  hand: Hand,
  { payload, attachments }: Opened<typeof vendorscripRequest>,
  draws: Draws,
): Promise<void> {
  const [part] = attachments;
  if (part === undefined) return;
  const { identity, link } = hand.party;
  const lie = draws.below(4);
  const amount = lie === 0 ? { ...payload.amount, value: payload.amount.value * 2n } : payload.amount;
  const owner = lie === 1 ? identity.uid : payload.from;
  const expiresAt = lie === 2 ? hand.party.runtime.now() + 1000 : payload.minimumExpiry + 60_000;
  const { grant } = mint(
    { epochRoot: draws.bytes(32), salt: draws.bytes(32) },
    {
      kind: "vendor",
      network: link.network,
      issuer: identity.uid,
      owner,
      id: makeScripId(1, draws.bytes(12)),
      value: amount,
      expiresAt,
    },
  );
  const request = await hand.sign(authorizationRequest, {
    to: link.network,
    txn: payload.txn,
    customer: payload.from,
    amount,
    part: toText(sha256(part)),
    scrip: grant.body,
    escrow: part,
  });
  const sealed = await hand.sealToBroker(request, { attachments: [part] });
  await link.ask("/authorise", sealed, {
    accepted: [],
    purpose: "decide",
    to: identity.uid,
    opening: identity.opening,
    txn: payload.txn,
    digest: request.digest,
  });
}
