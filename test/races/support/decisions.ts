/** Contests without messages on the wire: what is verified is made by hand, and decided through `settle`. */
import { brokerFor, keys, type Store, type Wiring } from "@lepta/lambdas";
import {
  type authorizationRequest,
  brokerSpendCodec,
  customerSecret,
  encodeAs,
  isRefusal,
  makeScripId,
  mint,
  orThrow,
  proveSpend,
  readScrip,
  scripOf,
  sha256,
  toText,
  type Verified,
  type vendorscripOrder,
} from "@lepta/protocol";
import {
  type AuthoriseOutcome,
  type AuthoriseState,
  decideAuthorisation,
} from "../../../lambdas/src/broker/authorise.ts";
import { mintBrokerScrip, pursed, type Terms, terminal } from "../../../lambdas/src/broker/decision.ts";
import { genesis } from "../../../lambdas/src/broker/genesis.ts";
import { creditItem, purseItem, tombstoneItem, transactionItem } from "../../../lambdas/src/broker/items.ts";
import { type Broker, settle, termsOf } from "../../../lambdas/src/pipeline/broker.ts";
import { euro } from "../../support/peer.ts";
import { HANDLERS, type Kind } from "./contest.ts";

/** One handler's work: M2 and its part, both as they are once verified. */
interface Task {
  readonly request: Verified<typeof authorizationRequest>;
  readonly part: Verified<typeof vendorscripOrder>;
}

export interface DecisionContest {
  readonly customer: string;
  readonly kind: Kind;
  readonly scrip: string;
  /** How many different requests the handlers have between them. */
  readonly requests: number;
  readonly tasks: readonly Task[];
}

export interface Table {
  readonly broker: Broker;
  readonly terms: Terms;
}

/** The pipeline's surroundings over this store; a handler that backs off goes on at once, for the store decides who is next. */
export async function tableOver(wiring: Wiring, store: Store): Promise<Table> {
  const broker: Broker = {
    ...brokerFor(wiring, "decide"),
    store,
    runtime: { ...wiring.runtime, random: zeros, sleep: async () => {} },
  };
  return { broker, terms: termsOf(broker, await broker.custody.keys()) };
}

/** A customer with one scrip of EUR 5, topped up as figure 6 would, and 64 handlers' messages for it: so many requests, each delivered equally often. */
export async function prepareDecisions(
  { broker, terms }: Table,
  inner: Store,
  kind: Kind,
  name: string,
  requests: number,
): Promise<DecisionContest> {
  const now = broker.runtime.now();
  const { network } = terms;
  const customer = nameOf(name);
  const fresh = { id: sha256(name16(name)).slice(0, 12), salt: sha256(name16(`${name} salt`)) };
  const value = euro("5");
  const minted = mintBrokerScrip({ owner: customer, value, expiresAt: now + terms.scripLife }, fresh, terms);
  const { writes } = terminal(
    customer,
    txnOf(`${name} top-up`),
    { purse: { sequence: 0, head: genesis(network, customer) }, transaction: undefined },
    { kind: "brokerscrip", state: "done", value: value.value, currency: "EUR", decidedAt: now },
    pursed(minted),
  );
  if ((await inner.commit(writes)) !== "committed") throw new Error("two customers have one name");
  const secret = customerSecret({ epochRoot: orRoot(terms), salt: fresh.salt }, minted.body);
  const body = encodeAs(brokerSpendCodec, {
    scrip: scripOf(minted.grant),
    amount: AMOUNT,
    minimumExpiry: now + 1,
  });
  const spend = proveSpend(secret, body);

  const txn = txnOf(`${name} txn`);
  const tasks: Task[] = [];
  for (let i = 0; i < HANDLERS; i += 1) {
    const before = tasks[i - requests];
    if (before !== undefined) {
      tasks.push(before);
      continue;
    }
    const merchant = MERCHANTS[kind === "transactions" ? i % FEW : i % HANDLERS] ?? "";
    const own = kind === "one-txn" ? txn : txnOf(`${name} ${i}`);
    tasks.push(taskOf(network, { customer, merchant, txn: own, spend, i }, now));
  }
  return { customer, kind, scrip: minted.body.id, requests, tasks };
}

/** What the pipeline does once M2 and the part are verified: load, decide, commit, and again where it was overtaken. */
export async function decide(
  { broker, terms }: Table,
  { customer, scrip }: DecisionContest,
  { request, part }: Task,
): Promise<AuthoriseOutcome> {
  const { from, txn } = request.payload;
  const wanted = [
    keys.credit(from, customer, txn),
    keys.transaction(customer, txn),
    keys.purse(customer),
    keys.tombstone(customer, scrip),
  ];
  const load = async (): Promise<AuthoriseState> => {
    const items = await broker.store.get(wanted);
    return {
      credit: creditItem.read(items[0]),
      transaction: transactionItem.read(items[1]),
      purse: purseItem.read(items[2]),
      tombstone: tombstoneItem.read(items[3]),
    };
  };
  const fresh = {
    id: sha256(name16(request.digest)).slice(0, 12),
    salt: sha256(name16(`${request.digest} salt`)),
  };
  const now = broker.runtime.now();
  const outcome = await settle(broker, load, (state) =>
    decideAuthorisation(request, part, state, now, terms, fresh),
  );
  if (isRefusal(outcome)) throw new Error(`a good request was refused as input: ${outcome.code}`);
  return outcome;
}

export const AMOUNT = euro("2");
const FEW = 4;
const zeros = (length: number): Uint8Array => new Uint8Array(length);
const name16 = (text: string): Uint8Array => new TextEncoder().encode(text);
const nameOf = (name: string): string => toText(sha256(name16(name)));
const txnOf = (name: string): string => toText(sha256(name16(name)).slice(0, 16));
const MERCHANTS: readonly string[] = Array.from({ length: HANDLERS }, (_, i) => nameOf(`merchant ${i}`));

function orRoot(terms: Terms): Uint8Array {
  const root = terms.epochRoot(terms.epoch);
  if (root === undefined) throw new Error("there is no epoch");
  return root;
}

interface Wanted {
  readonly customer: string;
  readonly merchant: string;
  readonly txn: string;
  readonly spend: readonly [Uint8Array, Uint8Array];
  readonly i: number;
}

/** The two payloads; what is signed is only their names, for a decision keeps it and does not read it. */
function taskOf(network: string, { customer, merchant, txn, spend, i }: Wanted, now: number): Task {
  const common = { version: 1, network, txn, issuedAt: now, expiresAt: now + 60_000 };
  const digest = nameOf(`${customer} ${merchant} ${txn} ${i}`);
  const signed = name16(digest);
  const scrip = v0Of(network, merchant, customer, now);
  const request = {
    stage: "verified",
    digest,
    signed,
    payload: {
      ...common,
      type: "authorization-request",
      from: merchant,
      to: network,
      customer,
      amount: AMOUNT,
      scrip,
      part: digest,
      escrow: signed,
    },
  };
  const part = {
    stage: "verified",
    digest: toText(sha256(signed)),
    signed,
    payload: { ...common, type: "vendorscrip-order", from: customer, to: network, merchant, spend },
  };
  return { request, part } as unknown as Task;
}

const bodies = new Map<string, Uint8Array>();

/** One body for all that one customer obtains of one merchant: the broker does not compare them. */
function v0Of(network: string, merchant: string, customer: string, now: number): Uint8Array {
  const known = bodies.get(`${merchant} ${customer}`);
  if (known !== undefined) return known;
  const secrets = { epochRoot: zeros(32), salt: zeros(32) };
  const draft = { kind: "vendor", network, issuer: merchant, owner: customer, value: AMOUNT } as const;
  const { grant } = mint(secrets, { ...draft, id: makeScripId(1, zeros(12)), expiresAt: now + 60_000 });
  orThrow(readScrip(grant.body));
  if (bodies.size >= BODIES) bodies.clear();
  bodies.set(`${merchant} ${customer}`, grant.body);
  return grant.body;
}

const BODIES = 1024;
