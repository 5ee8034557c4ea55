/** Three customers, two merchants and a broker, and full runs of everything that they do with each other. */
import { brokerFor, creditItem, purseItem } from "@lepta/lambdas";
import { LeptaError, type Merchant, memoryPeerStore, type PeerStore, type Wallet } from "@lepta/peer-sdk";
import { abort, type KeyRing, type MessageType, query, type Signed } from "@lepta/protocol";
import { customerTables } from "../../../peer-sdk/src/customer/records.ts";
import { merchantTables } from "../../../peer-sdk/src/merchant/records.ts";
import { euro, given, Hand, type Meeting, orderFor, spendingOf } from "../../peer-sdk/support/hand.ts";
import { createWorld, type World } from "../../peer-sdk/support/world.ts";
import { countedStore, type Recorder, recorder } from "./record.ts";

export interface Customer {
  readonly name: string;
  readonly store: PeerStore;
  readonly wallet: Wallet;
  readonly hand: Hand;
}
export interface Seller {
  readonly name: string;
  readonly url: string;
  readonly store: PeerStore;
  readonly merchant: Merchant;
  /** The merchant's own keys in a test's hands. */
  readonly hand: Hand;
}

export interface Stage {
  readonly world: World;
  readonly recorder: Recorder;
  readonly customers: readonly Customer[];
  readonly sellers: readonly Seller[];
  /** Commits of anybody, the broker included. */
  readonly commits: () => number;
  /** Every key that anybody opens anything with. */
  readonly ring: KeyRing;
  /** Who holds how much of what, and what is owed for it: nothing that only says what was refused. */
  readonly value: () => Promise<string>;
}

const PRICE = "EUR 0.02";

export async function openStage(seed: string): Promise<Stage> {
  let commits = 0;
  const count = (): void => {
    commits += 1;
  };
  const around = (store: World["wiring"]["store"]): World["wiring"]["store"] => ({
    ...store,
    commit: (writes) => {
      count();
      return store.commit(writes);
    },
  });
  const world = await createWorld({ seed, around });
  const tape = recorder();
  const { broker, runtime } = world;

  const sellers: Seller[] = [];
  for (const name of ["inn", "joy"]) {
    const url = `ws://${name}.test/`;
    const store = countedStore(memoryPeerStore(), count);
    const transport = tape.transport(name, world.transport);
    const catalogue = {
      page: { price: PRICE, deliver: () => `a page of ${name}` },
      broken: {
        price: PRICE,
        deliver: () => {
          throw new LeptaError("unreachable", "the printer");
        },
      },
    };
    const merchant = await world.merchant(url, { store, catalogue, transport });
    sellers.push({
      name,
      url,
      store,
      merchant,
      hand: await Hand.open({ broker, runtime, transport, store }),
    });
  }
  const customers: Customer[] = [];
  for (const name of ["ann", "ben", "cat"]) {
    const store = countedStore(memoryPeerStore(), count);
    const transport = tape.transport(name, world.transport);
    const wallet = await world.wallet({ store, transport, connect: tape.connect(name, world.connect) });
    customers.push({ name, store, wallet, hand: await Hand.open({ broker, runtime, transport, store }) });
  }

  const keySet = await brokerFor(world.wiring, "decide").custody.keys();
  const own = new Map(
    [...sellers, ...customers].map(({ hand }) => [
      hand.party.identity.opening.id,
      hand.party.identity.opening,
    ]),
  );
  const value = async (): Promise<string> => {
    const lines: string[] = [];
    for (const { key, item } of world.table.items()) {
      const name = `${key.pk} ${key.sk}`;
      if (key.sk === "BROKERSCRIP") {
        const { scrip = "none", value: worth = 0n } = purseItem.fromItem(item);
        lines.push(`${name} ${scrip} ${worth}`);
      } else if (key.pk.startsWith("MERCHANT#")) {
        const credit = creditItem.fromItem(item);
        if (credit.state !== "void") lines.push(`${name} ${credit.state} ${credit.value}`);
      } else if (key.sk.startsWith("SPENT#") || key.pk.startsWith("EXPOSURE") || key.pk.startsWith("BANK"))
        lines.push(`${name} ${Object.values(item).map(String).join(" ")}`);
    }
    const { conserved, ...books } = world.books();
    lines.push(`books ${conserved} ${Object.values(books).join(" ")}`);
    for (const { name, store } of sellers) {
      const tables = merchantTables(store);
      for (const [id, each] of await tables.scrip.list())
        if (each.state !== "reserved")
          lines.push(`${name} ${id} ${each.owner} ${each.state} ${each.value.value}`);
      for (const [id, { charged }] of await tables.sales.list())
        if (charged.value > 0n) lines.push(`${name} sold ${id} ${charged.value}`);
    }
    for (const { name, store } of customers) {
      const tables = customerTables(store);
      const held = [...(await tables.purse.list()), ...(await tables.vendorscrip.list())];
      for (const [id, { grant, lockedBy = "free", unusable = "good" }] of held)
        lines.push(
          `${name} holds ${id} ${Buffer.from(grant.certificate).toString("hex")} ${lockedBy} ${unusable}`,
        );
    }
    return lines.join("\n");
  };
  return {
    world,
    recorder: tape,
    customers,
    sellers,
    commits: () => commits,
    ring: (kid) => own.get(kid) ?? keySet.opening(kid),
    value,
  };
}

/**
 * Everything that peers do, by its name. What a new flow sends is replayed as soon as it has a line here: what the
 * messages are and where they could go is read from the recording, the routes and the protocol's list of messages.
 */
export const flows: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  "figure 6": async ({ customers }) => {
    for (const { wallet } of customers) await wallet.topUp("EUR 5");
    await given(customers[0]).wallet.topUp("EUR 1");
  },
  "figure 8": async ({ customers, sellers }) => {
    for (const { wallet } of customers) for (const { url } of sellers) await wallet.obtain(url, "EUR 0.50");
    await given(customers[1]).wallet.obtain(given(sellers[0]).url, "EUR 0.25");
  },
  "figure 7": async ({ customers, sellers }) => {
    for (const { wallet } of customers)
      for (const { url } of sellers) {
        await wallet.buy(url, "page", { max: PRICE });
        await wallet.buy(url, "page", { max: "EUR 1", quantity: 3 });
      }
  },
  "refused purchases": async (stage) => {
    for (const customer of stage.customers)
      for (const seller of stage.sellers) {
        const meeting = await meet(stage, customer, seller);
        const spending = spendingOf(await customer.hand.holding(seller.merchant.uid));
        for (const order of [
          orderFor("nothing", PRICE),
          orderFor("page", "EUR 0.01"),
          orderFor("broken", PRICE),
        ])
          await meeting.buy(await meeting.purchase(spending, order));
        await meeting.buy(
          await meeting.purchase(spending, orderFor("page", PRICE), {
            fields: { expiresAt: stage.world.runtime.now() },
          }),
        );
      }
  },
  "refused VendorScrip": async (stage) => {
    for (const customer of stage.customers) {
      const held = await customer.hand.purse();
      for (const seller of stage.sellers) {
        const meeting = await meet(stage, customer, seller);
        await meeting.send((await meeting.obtain(euro("999"), held)).sealed);
        const forged = { ...held, secret: new Uint8Array(32) };
        await meeting.send((await meeting.obtain(euro("1"), forged)).sealed);
      }
    }
  },
  "aborted and asked": async (stage) => {
    const { customers } = stage;
    for (const [i, customer] of customers.entries()) {
      const seller = given(stage.sellers[i % stage.sellers.length]);
      const meeting = await meet(stage, customer, seller);
      const held = await customer.hand.purse();
      const prepared = await meeting.obtain(euro("1"), held);
      const subject = prepared.txn;
      for (const type of [query, abort, query] as const)
        await post(
          customer.hand,
          type.mediaType.includes("abort") ? "/abort" : "/query",
          await customer.hand.sign(type, { to: stage.world.network, initiator: customer.hand.uid, subject }),
        );
      // M1 of what its own customer has aborted: the merchant is told no, and its credit is void.
      await meeting.send(prepared.sealed);
      await post(
        seller.hand,
        "/query",
        await seller.hand.sign(query, { to: stage.world.network, initiator: customer.hand.uid, subject }),
      );
    }
  },
  offers: async ({ customers, sellers }) => {
    for (const { wallet } of customers) for (const { url } of sellers) await wallet.offers(url);
  },
  notices: async ({ customers, sellers }) => {
    for (const { wallet } of customers) await wallet.flushNotices();
    for (const { merchant } of sellers) await merchant.flushNotices();
  },
};

/** A hand-made connection of one peer to one merchant, on the record. */
export const meet = (
  { recorder: tape }: Stage,
  { name, hand }: { readonly name: string; readonly hand: Hand },
  { url, merchant }: Seller,
): Promise<Meeting> => hand.greet(tape.visit(name, url, merchant.visit()));

/** Sends a signed message to a door and lets whatever comes back be. */
async function post(hand: Hand, door: string, message: Signed<MessageType>): Promise<void> {
  const { link } = hand.party;
  await link
    .ask(door, await link.seal(message), {
      accepted: [],
      purpose: "decide",
      to: hand.uid,
      opening: hand.party.identity.opening,
      txn: "",
      digest: "",
    })
    .catch(() => undefined);
}
