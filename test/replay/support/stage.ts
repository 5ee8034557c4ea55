/** Three customers, two merchants and a broker, and full runs of everything that they do with each other. */
import { brokerFor, creditItem, purseItem, variable } from "@lepta/lambdas";
import { LeptaError, type Merchant, memoryPeerStore, type PeerStore, type Wallet } from "@lepta/peer-sdk";
import type { KeyRing, MessageType, Signed } from "@lepta/protocol";
import { customerTables } from "../../../peer-sdk/src/customer/records.ts";
import { laneTables } from "../../../peer-sdk/src/merchant/lanes/records.ts";
import { merchantTables } from "../../../peer-sdk/src/merchant/records.ts";
import { Hand, type Meeting } from "../../peer-sdk/support/hand.ts";
import {
  createWorld,
  DAY,
  type Line,
  lossyConnect,
  newLine,
  type World,
} from "../../peer-sdk/support/world.ts";
import { countedStore, type Recorder, recorder } from "./record.ts";

export interface Customer {
  readonly name: string;
  readonly store: PeerStore;
  readonly wallet: Wallet;
  readonly hand: Hand;
  /** Its way to merchants, for a flow to lose a message on: what is lost before it arrives is not on the record. */
  readonly line: Line;
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

export const PRICE = "EUR 0.02";
/** So short that the requests of the whole run are still good when it is over. Milliseconds. */
export const HOLD_TIME = 2_000;
export const CLAIM_TIME = 1_000;
/** Every scrip ends within this time: a wallet that is asked to renews it. */
export const RENEW_BEFORE = 400 * DAY;
/** Accounts that take no payments. */
const CLOSED: ReadonlySet<string> = new Set(["cat", "joy"]);
const accountOf = (name: string): string => (CLOSED.has(name) ? `${name}+closed` : name);

/** How purchases are signed: in envelopes, or in sessions, by themselves or under statements where they are small. */
export const modes = ["envelopes", "each", "statements"] as const;
export type Mode = (typeof modes)[number];

export async function openStage(seed: string, mode: Mode = "envelopes"): Promise<Stage> {
  let commits = 0;
  const count = (): void => {
    commits += 1;
  };
  const around = (store: World["wiring"]["store"]): World["wiring"]["store"] => ({
    ...store,
    commit: async (writes) => {
      const outcome = await store.commit(writes);
      // A write whose condition does not hold writes nothing: what both have signed is put where nothing may stand, without looking.
      if (outcome === "committed") count();
      return outcome;
    },
  });
  const variables = {
    [variable.holdTime]: String(HOLD_TIME),
    [variable.claimTime]: String(CLAIM_TIME),
  };
  const world = await createWorld({ seed, around, variables, sessions: mode !== "envelopes" });
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
    const merchant = await world.merchant(url, {
      store,
      catalogue,
      transport,
      account: accountOf(name),
      ...(mode === "each" ? { statementBelow: "EUR 0" } : {}),
    });
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
    const line = newLine();
    const connect = lossyConnect(tape.connect(name, world.connect), line);
    const account = accountOf(name);
    const wallet = await world.wallet({ store, transport, connect, account, renewBefore: RENEW_BEFORE });
    const hand = await Hand.open({ broker, runtime, transport, store });
    customers.push({ name, store, wallet, hand, line });
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
      } else if (key.pk.startsWith("MERCHANT#") && key.sk.startsWith("CREDIT#")) {
        const { state, value: worth, owed = 0n, settlement, reversedBy } = creditItem.fromItem(item);
        if (state !== "void") lines.push(`${name} ${state} ${worth} ${owed} ${settlement} ${reversedBy}`);
      } else if (key.sk.startsWith("SPENT#") || VALUABLE.test(key.pk))
        // What is due, disputed and carried over, and the bank's accounts, charges and payouts.
        lines.push(`${name} ${Object.values(item).map(String).join(" ")}`);
    }
    const { conserved, ...books } = world.books();
    lines.push(`books ${conserved} ${Object.values(books).join(" ")}`);
    for (const { name, store } of sellers) {
      const tables = merchantTables(store);
      for (const [id, each] of await tables.scrip.list())
        if (each.state !== "reserved")
          lines.push(`${name} ${id} ${each.owner} ${each.state} ${each.value.value}`);
      for (const [id, { charged, refunded }] of await tables.sales.list())
        if (charged.value > 0n) lines.push(`${name} sold ${id} ${charged.value} ${refunded}`);
      const lanes = laneTables(store);
      for (const [id, { scrip, stated }] of await lanes.lanes.list())
        lines.push(`${name} lane ${id} ${scrip} ${stated.sequence} ${stated.remaining}`);
      for (const [id, { statement }] of await lanes.runs.list())
        lines.push(`${name} run ${id} ${statement.length}`);
      for (const [id, { credit, live, sold, ended }] of await tables.lines.list())
        lines.push(`${name} line ${id} ${credit} ${live.join()} ${sold.value} ${ended}`);
      for (const [id, { state, scrip, amount }] of await tables.refunds.list())
        if (state !== "refused") lines.push(`${name} refund ${id} ${state} ${scrip} ${amount.value}`);
      for (const [id, { scrip }] of await tables.renewals.list())
        lines.push(`${name} renewal ${id} ${scrip}`);
      for (const [id, { statement }] of await tables.settlements.list())
        lines.push(`${name} settlement ${id} ${statement === undefined ? "open" : "told"}`);
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

const VALUABLE = /^(MERCHANT#|EXPOSURE|LOSS#|BANK)/;

/** A hand-made connection of one peer to one merchant, on the record. */
export const meet = (
  { recorder: tape }: Stage,
  { name, hand }: { readonly name: string; readonly hand: Hand },
  { url, merchant }: Seller,
): Promise<Meeting> => hand.greet(tape.visit(name, url, merchant.visit()));

/** Sends a signed message to a door and lets whatever comes back be. */
export async function post(hand: Hand, door: string, message: Signed<MessageType>): Promise<void> {
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
