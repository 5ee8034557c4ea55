/** A lane's number that its customer uses again, which it must not: what the journal holds of the first lane stays the first one's. */
import { type Merchant, memoryPeerStore, type PeerStore } from "@lepta/peer-sdk";
import type { Holding } from "@lepta/peer-sdk/records";
import {
  decodeAs,
  laneClose,
  orThrow,
  readScrip,
  signStatement,
  statementProposal,
  statementSigned,
} from "@lepta/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CustomerByHand } from "../support/by-hand.ts";
import { Hand } from "../support/hand.ts";
import { createWorld, type World } from "../support/world.ts";

const SHOP = "ws://shop.example/pay";
const PRICE = "EUR 0.01";
const catalogue = { page: { price: PRICE, deliver: () => "page" } };

let world: World;

beforeEach(async () => {
  world = await createWorld({ sessions: true });
});
afterEach(() => world.close());

test.each([
  { worth: "the same", second: "EUR 0.90" },
  { worth: "more", second: "EUR 2.00" },
])(
  "brings to a scrip worth $worth nothing of the first when its merchant starts anew",
  async ({ second }) => {
    const store = withAllRecords(memoryPeerStore());
    const merchant = await world.merchant(SHOP, { store, catalogue });
    await useAgain(merchant, second);
    const { sold } = await merchant.books("EUR");
    expect(sold).toBe(60_000n);
    await merchant.close();
    const again = await world.merchant(SHOP, { store, catalogue });
    expect((await again.books("EUR")).sold).toBe(sold);
  },
);

/** Five purchases on lane 1, which is closed; one on lane 2, which nobody has signed for; lane 1 again, on another scrip. */
async function useAgain(merchant: Merchant, second: string): Promise<void> {
  const hand = await customerWith("EUR 0.90", "EUR 1.10", second);
  const by = await CustomerByHand.open(hand, merchant.visit());
  // By what they are worth; of two alike it does not matter which is which.
  const held = [...(await hand.holdings(merchant.uid))].sort((a, b) => Number(worth(a) - worth(b)));
  const [first, other, last] = second === "EUR 0.90" ? [held[0], held[2], held[1]] : held;
  if (first === undefined || other === undefined || last === undefined) throw new Error("three scrips");
  const opened = async (number: number, held: typeof first): Promise<ReturnType<typeof by.openLane>> => {
    const lane = by.openLane(number, held);
    await by.items.next(2);
    return lane;
  };
  const one = await opened(1, first);
  for (let sequence = 1; sequence <= 5; sequence += 1) {
    by.buy(one, sequence, "page", PRICE);
    await by.items.next(4);
  }
  by.send(laneClose, [7, 1]);
  const [, , payload] = orThrow(decodeAs(statementProposal, await by.items.next(14)));
  by.send(statementSigned, [15, 1, await signStatement(payload, hand.party.identity.signing)]);
  await by.items.next(7);
  by.buy(await opened(2, other), 1, "page", PRICE);
  await by.items.next(4);
  await opened(1, last);
}

const worth = ({ grant }: Holding): bigint => orThrow(readScrip(grant.body)).value.value;

async function customerWith(...values: readonly string[]): Promise<Hand> {
  const store = memoryPeerStore();
  const wallet = await world.wallet({ store });
  await wallet.topUp("EUR 20.00");
  for (const value of values) await wallet.obtain(SHOP, value);
  await wallet.close();
  const { broker, runtime, transport } = world;
  return Hand.open({ broker, runtime, transport, store });
}

/** A log may give back what was released, as one on disk does for as long as anything beside it is needed. */
const withAllRecords = (store: PeerStore): PeerStore => ({
  ...store,
  openLog: async (name) => {
    const { log, found } = await store.openLog(name);
    return {
      found,
      log: {
        append: (record) => log.append(record),
        sync: () => log.sync(),
        release: () => {},
      },
    };
  },
});
