/** Every message of full runs, again, everywhere, under every seal: no value moves, and nobody decides twice. */
import {
  encodeAs,
  isRefusal,
  laneClose,
  laneResume,
  type MessageType,
  messages,
  type Opened,
  openMessage,
  orThrow,
  readStatement,
  type SealingKey,
  sealMessage,
  sha256,
  statementSigned,
  toText,
} from "@lepta/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { laneTables } from "../../peer-sdk/src/customer/lanes/records.ts";
import { runEntries } from "../../peer-sdk/src/lanes/run.ts";
import { itemKind } from "../../peer-sdk/src/session/session.ts";
import { CustomerByHand, quiet } from "../peer-sdk/support/by-hand.ts";
import { errorIn } from "../peer-sdk/support/hand.ts";
import { wirePair } from "../peer-sdk/support/world.ts";
import { type Came, type Destination, destinationsOf, isTyped } from "./support/deliver.ts";
import { flows } from "./support/flows.ts";
import { type Piece, type Pieces, takeApart } from "./support/pieces.ts";
import { modes, openStage, type Stage } from "./support/stage.ts";

/** Thousands of signatures on a machine that others use too. */
const SLOW = 180_000;

let stage: Stage;
let pieces: Pieces;
let destinations: readonly Destination[];
let before: string;
const pairs = new Set<string>();
const seen: Record<string, number> = {};

/** Sends bytes somewhere; the message is named by what is signed in it and how it was sealed. */
async function send(name: string, bytes: Uint8Array, { name: to, deliver }: Destination): Promise<Came> {
  const commits = stage.commits();
  const came = await deliver(bytes);
  pairs.add(`${name} → ${to}`);
  for (const code of came.codes) seen[code] = (seen[code] ?? 0) + 1;
  if (!isTyped(came)) expect.fail(`${name} to ${to}: ${came.codes.join()}`);
  if (stage.commits() !== commits) {
    seen.commits = (seen.commits ?? 0) + 1;
    if ((await stage.value()) !== before) expect(await stage.value(), `${name} to ${to}`).toBe(before);
  }
  return came;
}

/** What the flows that there are send: a flow that is lost from the run would be lost from everything below. */
const USED: ReadonlySet<string> = new Set([
  "enrol-request",
  "enrol-response",
  "enrolment",
  "sealing-key",
  "hello",
  "offer-request",
  "offer",
  "brokerscrip-request",
  "brokerscrip-response",
  "vendorscrip-intent",
  "vendorscrip-request",
  "vendorscrip-order",
  "authorization-request",
  "authorization-response",
  "brokerscrip-change",
  "vendorscrip-response",
  "purchase-notice",
  "purchase-request",
  "purchase-response",
  "sale-notice",
  "notice-batch",
  "acknowledgement",
  "query",
  "abort",
  "transaction-response",
  "renewal-request",
  "renewal-response",
  "redeem-request",
  "redeem-response",
  "refund-request",
  "refund-order",
  "refund-authorization",
  "refund-change",
  "reversal-request",
  "reversal-claim",
  "reversal",
  "settle-request",
  "settlement-statement",
  "account-query",
  "account-response",
  "holdings-request",
  "holdings-response",
]);

const idOf = (bytes: Uint8Array): string => toText(sha256(bytes));

describe.each(modes)("%s", (mode) => {
  beforeAll(async () => {
    stage = await openStage("replay", mode);
    pairs.clear();
    for (const code of Object.keys(seen)) delete seen[code];
    for (const run of Object.values(flows)) await run(stage);
    // Their lanes are closed: nothing is done by itself any more.
    if (mode !== "envelopes") for (const { wallet } of stage.customers) await wallet.close();
    pieces = await takeApart(stage.recorder.exchanges, stage.ring);
    destinations = await destinationsOf(stage);
    before = await stage.value();
  });
  afterAll(() => stage.world.close());

  test("a full run has every kind of message that the flows use", () => {
    const types = new Set([...pieces.signed.values()].map(({ type }) => type.name));
    expect([...USED].filter((name) => !types.has(name))).toEqual([]);
  });

  test("each message again where it went, in its own session, gets the same decision", async () => {
    let same = 0;
    let late = 0;
    for (const { by, at, request, answers } of stage.recorder.exchanges) {
      const own = destinations.find(({ name }) => name === (at.startsWith("/") ? at : `${by} at ${at}`));
      if (own === undefined) throw new Error(`${at} is no destination`);
      const came = await send(idOf(request), request, own);
      const type = await typeOf(request);
      if (type === undefined || UNDECIDED.has(type)) continue;
      const is = await Promise.all(came.answers.map(decisionIn));
      const [first] = answers;
      if (type === "renewal-request" && first && (await isRefused(first))) continue;
      // What was not decided yet when it came first is decided by now.
      if (isPending(answers)) {
        expect(isPending(came.answers), `${type} of ${by} to ${at}`).toBe(false);
        expect(came.codes, `${type} of ${by} to ${at}`).toEqual([]);
        late += 1;
        continue;
      }
      // An error message decides nothing: the same bytes get one again, perhaps of another fault.
      if (first && errorIn(first) !== undefined && errorIn(first) !== "refused") {
        expect(came.codes, `${type} of ${by} to ${at}`).toHaveLength(1);
        continue;
      }
      const was = await Promise.all(answers.map(decisionIn));
      expect(is, `${type} of ${by} to ${at}`).toEqual(was);
      same += 1;
    }
    // What sessions carry is not among the frames.
    expect(same).toBeGreaterThan(mode === "envelopes" ? 150 : 100);
    expect(late).toBeGreaterThan(0);
  });

  test("each message as it was, everywhere", { timeout: SLOW }, async () => {
    for (const bytes of [
      ...pieces.sealed.values(),
      ...[...pieces.signed.values()].map(({ signed }) => signed),
    ])
      for (const to of destinations) await send(idOf(bytes), bytes, to);
  });

  test("each message opened and sealed again to everybody", { timeout: SLOW }, async () => {
    const { random } = stage.world.runtime;
    for (const piece of pieces.signed.values())
      for (const key of await sealingKeys()) {
        const { signed: bytes, type, secrets, attachments } = piece;
        const sealed = await sealMessage({ type, bytes }, key.key, random, { secrets, attachments });
        for (const to of destinations.filter(({ owner }) => owner === key.owner))
          await send(`${piece.id} sealed`, sealed, to);
      }
  });

  test("what was attached to one attached to another", { timeout: SLOW }, async () => {
    const { random } = stage.world.runtime;
    const carriers = [...pieces.signed.values()].filter(
      ({ type }) => type.kind === "request" && REQUESTS.has(type.name),
    );
    for (const carrier of carriers)
      for (const [load, attachments] of loads())
        for (const { key, owner } of await sealingKeys()) {
          const to = destinations.filter((each) => each.owner === owner && ownPlace(carrier, each));
          if (to.length === 0) continue;
          const { signed: bytes, type } = carrier;
          const sealed = await sealMessage({ type, bytes }, key, random, { attachments });
          for (const each of to) await send(`${carrier.id} with ${load}`, sealed, each);
        }
  });

  test("each request again after it has expired still gets the decision that it got", async () => {
    stage.world.runtime.advance(30 * 60_000);
    // A merchant keeps no refused renewal: nothing has moved, and it says what is so when it is asked.
    expect(await expectSameVerdicts((type, ok) => type !== "renewal-request" || ok)).toBeGreaterThan(100);
  });

  test("what was sent in sessions, again, in other sessions and in none: nobody takes it", async () => {
    const { sessions } = stage.recorder;
    const commits = stage.commits();
    expect(sessions.length > 0).toBe(mode !== "envelopes");
    for (const { merchant } of stage.sellers) {
      // As it came, on one connection; and each on a connection of its own.
      const [all, theirs] = wirePair();
      merchant.visit().attach?.(theirs);
      for (const { bytes } of sessions) all.send(bytes);
      for (const { bytes } of sessions) {
        const [one, other] = wirePair();
        merchant.visit().attach?.(other);
        one.send(bytes);
      }
    }
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(stage.commits()).toBe(commits);
    expect(await stage.value()).toBe(before);
  });

  test("what a lane was bought with and signed with, again, under good seals: nobody takes it a second time", async () => {
    const said: string[] = [];
    let items = 0;
    for (const customer of stage.customers)
      for (const { merchant, name } of stage.sellers) {
        // What the merchant had kept for it goes with the first session: the second begins with nothing to do.
        for (const isFirst of [true, false]) {
          const by = await CustomerByHand.open(customer.hand, merchant.visit());
          await quiet();
          const commits = stage.commits();
          if (!isFirst)
            // Of its own lanes with this merchant, of those with the other, and of everybody else's.
            for (const { item, of } of await laneItems()) {
              by.session.send(item);
              await quiet(3);
              for (const each of by.items.all.splice(0)) said.push(`${itemKind(each)}`);
              expect(by.session.isOpen, `${customer.name} at ${name}: item ${itemKind(item)} of ${of}`).toBe(
                true,
              );
              items += 1;
            }
          await quiet();
          by.session.close("closed");
          await quiet();
          expect(stage.commits()).toBe(commits);
        }
      }
    expect(items > 0).toBe(mode === "statements");
    // No goods and no lane: faults, and the word that a lane which was closed is closed.
    expect(new Set(said)).toEqual(new Set(mode === "statements" ? ["13", "7"] : []));
    expect(await stage.value()).toBe(before);
  });

  test("so many pairs of a message and a destination, and no value moved", async () => {
    expect(pairs.size).toBeGreaterThanOrEqual(30_000);
    // Not even a void or a refusal: what was decided is on record, and what is somebody else's is not taken at all.
    expect(seen.commits ?? 0, "commits").toBe(0);
    expect(await stage.value()).toBe(before);
    expect(stage.world.books().conserved).toBe(true);
  });
});

/** Items 3, 7, 11 and 15 as customers sent them, from what they keep. */
async function laneItems(): Promise<readonly { readonly item: Uint8Array; readonly of: string }[]> {
  const found: { readonly item: Uint8Array; readonly of: string }[] = [];
  for (const { name: of, store } of stage.customers)
    for (const [, run] of await laneTables(store).runs.list()) {
      const { payload, signed } = orThrow(readStatement(run.statement));
      for (const { bought } of runEntries(run)) found.push({ item: bought, of });
      const { customer } = signed;
      if (customer !== undefined)
        found.push({ item: encodeAs(statementSigned, [15, payload.lane, customer]), of });
      found.push({
        item: encodeAs(laneResume, [11, payload.lane, payload.last, payload.chain, payload.session]),
        of,
      });
      found.push({ item: encodeAs(laneClose, [7, payload.lane]), of });
    }
  return found;
}

/** Tells how many were compared. `ok` is what the first answer said. */
async function expectSameVerdicts(isMeant: (type: string, ok: boolean) => boolean): Promise<number> {
  let compared = 0;
  for (const { by, at, request, answers } of stage.recorder.exchanges) {
    const type = await typeOf(request);
    if (type === undefined || !RECORDED.has(type)) continue;
    // An error message decides nothing: it says what was wrong with the message when it came.
    if (answers.some((bytes) => errorIn(bytes) !== undefined)) continue;
    const [was] = await Promise.all(answers.map(verdictIn));
    if (!isMeant(type, (was as { readonly ok?: boolean }).ok === true)) continue;
    const own = destinations.find(({ name }) => name === (at.startsWith("/") ? at : `${by} at ${at}`));
    if (own === undefined) throw new Error(`${at} is no destination`);
    const came = await send(idOf(request), request, own);
    const [is] = await Promise.all(came.answers.map(verdictIn));
    expect(is, `${type} of ${by} to ${at}`).toEqual(was);
    compared += 1;
  }
  return compared;
}

/** Whether it was told to come again, because somebody else had yet to speak. */
const isPending = (answers: readonly Uint8Array[]): boolean =>
  answers.some((bytes) => errorIn(bytes) === "pending");

/** What was attached to anything: of each kind from each sender a few, for every carrier takes them all. */
function loads(): ReadonlyMap<string, readonly Uint8Array[]> {
  const found = new Map<string, readonly Uint8Array[]>([["nothing", []]]);
  const kinds = new Map<string, number>();
  const sealedIn = new Map(
    [...pieces.signed.values()].flatMap((piece) => (piece.sealed ? [[idOf(piece.sealed), piece]] : [])),
  );
  for (const { type, attachments } of pieces.signed.values()) {
    const names = attachments.map(idOf);
    const inside = names.map((name) => sealedIn.get(name) ?? pieces.signed.get(name));
    const kind = [type.name, ...inside.map((each) => `${each?.type.name} ${each?.payload.from}`)].join();
    const count = kinds.get(kind) ?? 0;
    if (names.length === 0 || found.has(names.join()) || count === LOADS_OF_A_KIND) continue;
    kinds.set(kind, count + 1);
    found.set(names.join(), attachments);
  }
  return found;
}

const LOADS_OF_A_KIND = 3;

/** What carries attachments, and could be read where. */
const REQUESTS: ReadonlySet<string> = new Set([
  "authorization-request",
  "vendorscrip-request",
  "purchase-request",
  "refund-authorization",
  "refund-request",
  "renewal-request",
]);
const ownPlace = ({ type, payload }: Piece, { name, owner }: Destination): boolean => {
  if (type.name === "authorization-request") return name === "/authorise";
  if (type.name === "refund-authorization") return name === "/refund";
  const sender = [...stage.customers, ...stage.sellers].find(({ hand }) => hand.uid === payload.from);
  return owner !== "broker" && name === `${sender?.name} at ${owner.url}`;
};

async function sealingKeys(): Promise<
  readonly { readonly owner: Destination["owner"]; readonly key: SealingKey }[]
> {
  const { suite } = stage.world.wiring;
  const [any] = stage.sellers;
  if (any === undefined) throw new Error("there is a merchant");
  const broker = await any.hand.party.link.keys();
  const sellers = await Promise.all(
    stage.sellers.map(async (owner) => ({
      owner,
      key: orThrow(await suite.sealingKey(owner.hand.party.identity.opening.publicKey)),
    })),
  );
  return [{ owner: "broker", key: broker.sealingKey }, ...sellers];
}

/** Answers to these tell how things stand, or that something was read: they decide nothing. */
const UNDECIDED: ReadonlySet<string> = new Set([
  "query",
  "hello",
  "offer-request",
  "account-query",
  "holdings-request",
]);

/** Those whose answer is on record: the others are judged by the clock as well. */
const RECORDED: ReadonlySet<string> = new Set([
  "enrol-request",
  "brokerscrip-request",
  "vendorscrip-request",
  "authorization-request",
  "purchase-request",
  "abort",
  "renewal-request",
  "redeem-request",
  "refund-request",
  "refund-authorization",
  "reversal-request",
  "reversal-claim",
  "settle-request",
]);

async function verdictIn(bytes: Uint8Array): Promise<unknown> {
  const opened = await openMessage(bytes, messages, stage.ring);
  if (isRefusal(opened)) return toText(bytes);
  const { type, request, ok, state, reason, grant, charged, decidedAt } = settled(opened.payload);
  return { type, request, ok, state, reason, grant, charged, decidedAt };
}

/**
 * A purchase with what a lane holds is refused and not kept: the lane ends by spending it, and until then and from then on nothing
 * is sold for it. Which of the two is said, and when, is all that may change.
 */
function settled(payload: object): Readonly<Record<string, unknown>> {
  const { reason, ...said } = payload as Readonly<Record<string, unknown>>;
  const isOfLane = said.type === "purchase-response" && (reason === "in-use" || reason === "scrip-spent");
  return isOfLane ? { ...said, reason: "not to be had", decidedAt: undefined } : { ...said, reason };
}

async function isRefused(answer: Uint8Array): Promise<boolean> {
  return ((await verdictIn(answer)) as { readonly ok?: boolean }).ok === false;
}

async function typeOf(bytes: Uint8Array): Promise<string | undefined> {
  const opened = await openMessage(bytes, messages, stage.ring);
  return isRefusal(opened) ? undefined : opened.type.name;
}

/** An answer without what each signing makes anew. */
async function decisionIn(bytes: Uint8Array): Promise<unknown> {
  const opened = await openMessage(bytes, messages, stage.ring);
  if (isRefusal(opened)) return toText(bytes);
  return decisionOf(opened);
}

async function decisionOf({ payload, attachments }: Opened<MessageType>): Promise<unknown> {
  const { issuedAt: _signing, authorization: _m4, enrolment: _signed, ...decision } = settled(payload);
  // An acknowledgement tells when it was given; it decides nothing.
  if (payload.type === "acknowledgement") return { ...decision, decidedAt: undefined };
  return { ...decision, attached: await Promise.all(attachments.map(attachedIn)) };
}

/** M3 says the same when it is made again; an enrolment's certificate is compared as it is. */
const attachedIn = async (bytes: Uint8Array): Promise<unknown> => {
  const opened = await openMessage(bytes, messages, stage.ring);
  return isRefusal(opened) ? "signed" : decisionOf(opened);
};
