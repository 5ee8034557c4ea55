/** Requests to the broker's doors as well-enrolled peers would sign them, or nearly so. */
import {
  abort,
  authorizationRequest,
  brokerSpendCodec,
  brokerscripRequest,
  type Cbor,
  decodeCbor,
  encodeAs,
  encodeCbor,
  enrolRequest,
  idBytes,
  isRefusal,
  type MessageType,
  makeScripId,
  mint,
  noticeBatch,
  orThrow,
  possessionContext,
  proveSpend,
  purchaseNotice,
  query,
  readSign1,
  type SigningKey,
  saleNotice,
  scripOf,
  sealingKeyStatement,
  sha256,
  sign1,
  signedStatement,
  signStatement,
  toText,
  vendorscripIntent,
  vendorscripOrder,
} from "@lepta/protocol";
import { bodyOf } from "../../../peer-sdk/src/customer/records.ts";
import { type Draft, euro, type Hand } from "../../peer-sdk/support/hand.ts";
import { makeStatement } from "../../peer-sdk/support/statements.ts";
import { DAY, HOUR } from "../../peer-sdk/support/world.ts";
import { exchanged, type Pool, poolOf } from "./exchange.ts";
import type { Draw } from "./random.ts";
import type { Request } from "./request.ts";
import { disputed, returnMakers } from "./return-requests.ts";
import type { Tenants } from "./tenants.ts";

export interface Requests {
  /** A request for this door; with a draw some of its values, outside and inside, are exchanged before they are signed. */
  make(route: string, draw?: Draw): Promise<Request>;
}

/** The makers of requests, and the values that theirs are exchanged for: those of each other and of the table. */
export async function requestsOf(tenants: Tenants): Promise<Requests> {
  const { customer, merchant, table, world } = tenants;
  const { network, runtime, wiring } = world;
  const { suite } = wiring;
  const strangers = await Promise.all([1, 2].map((byte) => suite.signingKey(new Uint8Array(32).fill(byte))));
  const keys = new Map<string, SigningKey>(
    [customer.party.identity.signing, merchant.party.identity.signing, ...strangers].map((key) => [
      key.id,
      key,
    ]),
  );
  const held = await customer.purse();
  const [sold] = await customer.holdings(merchant.uid);
  const known = [customer.uid, merchant.uid, network, ...strangers.map(({ id }) => id)];
  const subjects = table
    .items()
    .flatMap(({ key }) => key.sk.split("#").filter((each) => /^[\w-]{22}$/.test(each)))
    .slice(0, 40);
  const things = [...known, ...subjects, bodyOf(held).id].map(idBytes);
  const samples: Uint8Array[] = [
    encodeCbor(things),
    held.grant.body,
    encodeCbor([held.grant.body, held.grant.certificate]),
  ];
  if (sold !== undefined)
    samples.push(sold.grant.body, encodeCbor([sold.grant.body, sold.grant.certificate]));
  let pool: Pool = poolOf(samples);

  /** Perhaps with values exchanged, and signed by whom it then says that it is from, where we have the key. */
  const sign = async (hand: Hand, type: MessageType, fields: Draft, draw?: Draw): Promise<Uint8Array> => {
    const { bytes } = await hand.sign(type, fields);
    if (draw === undefined) samples.push(orThrow(readSign1(bytes)).payload);
    if (draw === undefined || draw.below(3) === 0) return bytes;
    const payload = exchanged(draw, orThrow(readSign1(bytes)).payload, pool);
    const key = keys.get(senderOf(payload)) ?? hand.party.identity.signing;
    return sign1(key, key.id, type.mediaType, payload);
  };
  const inside = (body: Uint8Array, draw?: Draw): Uint8Array => {
    if (draw === undefined) samples.push(body);
    if (draw === undefined || draw.below(2) === 0) return body;
    const other = exchanged(draw, body, pool);
    // What our own codec would not write is for the layers of bytes.
    return other.length <= LONGEST_BODY ? other : body;
  };
  const either = (draw?: Draw): Hand => (draw === undefined || draw.below(2) === 0 ? customer : merchant);
  const toBroker = (fields: Draft): Draft => ({ to: network, ...fields });

  /** Of both or of one of them, about one of a few lanes: some agree with each other, some do not. */
  const signedStatementOf = async (draw?: Draw): Promise<Uint8Array> => {
    const [seller, buyer] = [merchant.party.identity.signing, customer.party.identity.signing];
    const lane = 1 + (draw?.below(4) ?? 0);
    const signers = { merchant: draw?.below(4) !== 0, customer: draw === undefined || draw.below(3) === 0 };
    if (!signers.merchant) signers.customer = true;
    const { signed, bytes } = await makeStatement(network, seller, buyer, lane, signers);
    if (draw === undefined) samples.push(signed.statement);
    if (draw === undefined || draw.below(3) === 0) return bytes;
    const other = exchanged(draw, signed.statement, pool);
    if (other.length > LONGEST_STATEMENT) return bytes;
    const key = keys.get(senderOf(other)) ?? seller;
    return encodeAs(signedStatement, {
      statement: other,
      ...(signers.merchant ? { merchant: await signStatement(other, key) } : {}),
      ...(signers.customer ? { customer: await signStatement(other, buyer) } : {}),
    });
  };

  const dispute = await disputed(tenants);
  const makers: Readonly<Record<string, (draw?: Draw) => Promise<Request>>> = {
    ...returnMakers(tenants, held, dispute, { sign, inside, either, toBroker }),
    "POST /enrol": async (draw) => {
      const hand = either(draw);
      const { identity, link } = hand.party;
      const now = runtime.now();
      const statement = await sign(
        hand,
        sealingKeyStatement,
        toBroker({ publicKey: identity.opening.publicKey, notBefore: now, notAfter: now + DAY, serial: 2 }),
        draw,
      );
      const txn = hand.newTxn();
      const { payload } = orThrow(readSign1(statement));
      const { sealingKey } = await link.keys();
      const context = possessionContext(toText(sha256(payload)), txn);
      const fields = {
        txn,
        publicKey: identity.signing.publicKey,
        sealingKey: statement,
        possession: await identity.opening.provePossession(sealingKey, context),
        ...(draw?.below(2) ? { account: draw.pick(ACCOUNTS), mandate: "sandbox" } : {}),
      };
      return {
        type: enrolRequest,
        signed: await sign(hand, enrolRequest, toBroker(fields), draw),
        beside: {},
      };
    },
    "POST /brokerscrip": async (draw) => ({
      type: brokerscripRequest,
      signed: await sign(either(draw), brokerscripRequest, toBroker({ amount: euro("1.00") }), draw),
      beside: {},
    }),
    "POST /intent": async (draw) => ({
      type: vendorscripIntent,
      signed: await sign(
        either(draw),
        vendorscripIntent,
        toBroker({ merchant: merchant.uid, amount: euro("0.50") }),
        draw,
      ),
      beside: {},
    }),
    "POST /authorise": async (draw) => {
      const txn = customer.newTxn();
      const now = runtime.now();
      const amount = euro("0.50");
      const spend = { scrip: scripOf(held.grant), amount, minimumExpiry: now + HOUR };
      const order = await sign(
        customer,
        vendorscripOrder,
        toBroker({
          txn,
          merchant: merchant.uid,
          spend: proveSpend(held.secret, inside(encodeAs(brokerSpendCodec, spend), draw)),
        }),
        draw,
      );
      const part = await customer.sealToBroker({ type: vendorscripOrder, bytes: order, digest: "" });
      const v0 = mint(
        { epochRoot: sha256(part), salt: sha256(order) },
        {
          kind: "vendor",
          network,
          issuer: merchant.uid,
          owner: customer.uid,
          id: makeScripId(1, sha256(part).slice(0, 12)),
          value: amount,
          expiresAt: now + DAY,
        },
      );
      const fields = {
        txn,
        customer: customer.uid,
        amount,
        part: toText(sha256(part)),
        scrip: inside(v0.grant.body, draw),
        escrow: sha256(part),
      };
      const attachments = draw !== undefined && draw.below(20) === 0 ? [part, part] : [part];
      return {
        type: authorizationRequest,
        signed: await sign(merchant, authorizationRequest, toBroker(fields), draw),
        beside: { attachments },
      };
    },
    "POST /abort": async (draw) => {
      const hand = either(draw);
      const more = draw?.below(2) ? { authorization: toText(sha256(things[0] ?? SALT)) } : {};
      const amount = "authorization" in more ? { amount: euro("0.40") } : {};
      const subject = draw === undefined ? hand.newTxn() : draw.pick(subjects);
      const fields = { initiator: customer.uid, subject, ...more, ...amount };
      return { type: abort, signed: await sign(hand, abort, toBroker(fields), draw), beside: {} };
    },
    "POST /query": async (draw) => {
      const subject = draw === undefined ? customer.newTxn() : draw.pick(subjects);
      const fields = toBroker({ initiator: customer.uid, subject });
      return { type: query, signed: await sign(either(draw), query, fields, draw), beside: {} };
    },
    "POST /notices": async (draw) => {
      const txn = customer.newTxn();
      const [order, purchase] = [sha256(idBytes(txn)), toText(sha256(SALT))];
      const entries = [
        await sign(
          customer,
          purchaseNotice,
          toBroker({ txn, merchant: merchant.uid, amount: euro("0.02"), metered: false, order, purchase }),
          draw,
        ),
        await sign(
          merchant,
          saleNotice,
          toBroker({
            txn,
            customer: customer.uid,
            charged: euro("0.02"),
            order,
            purchase,
            response: purchase,
          }),
          draw,
        ),
        await signedStatementOf(draw),
      ];
      const isLone = draw !== undefined && draw.below(4) === 0;
      if (isLone) return { type: purchaseNotice, signed: entries[0] ?? SALT, beside: {} };
      const kept = draw === undefined ? entries : [...entries, draw.bytes(draw.below(30) + 1)];
      return {
        type: noticeBatch,
        signed: await sign(either(draw), noticeBatch, toBroker({ entries: kept }), draw),
        beside: {},
      };
    },
  };
  const make = (route: string, draw?: Draw): Promise<Request> => {
    const maker = makers[route];
    if (maker === undefined) throw new Error(`nobody makes a request for ${route}`);
    return maker(draw);
  };
  for (const route of Object.keys(makers)) await make(route);
  pool = poolOf(samples);
  return { make };
}

/** Accounts whose names say how they behave. */
const ACCOUNTS = [
  "somebody",
  "another+declined",
  "third+unknown",
  "fourth+lost",
  "fifth+recallable",
  "not an account",
];
/** Of a scrip that is named in a message. */
const LONGEST_BODY = 512;
/** Of a statement in an entry. */
const LONGEST_STATEMENT = 2048;
const SALT = new Uint8Array(32);

/** The `from` of a payload; nobody where there is none. */
function senderOf(payload: Uint8Array): string {
  const map = decodeCbor(payload);
  if (isRefusal(map) || !(map instanceof Map)) return "";
  const from = (map as ReadonlyMap<number, Cbor>).get(4);
  return from instanceof Uint8Array ? toText(from) : "";
}
