/** A peer made of `@lepta/protocol` alone: it signs, seals, sends and reads by hand, well or, where a test says so, badly. */
import {
  type Amount,
  abort,
  acknowledgement,
  authorizationRequest,
  authorizationResponse,
  type Beside,
  brokerSpendCodec,
  brokerscripChange,
  brokerscripRequest,
  brokerscripResponse,
  type Cbor,
  type Draft,
  decodeCbor,
  digestOf,
  type ErrorCode,
  encodeAs,
  encodeCbor,
  enrolRequest,
  enrolResponse,
  type Grant,
  isErrorCode,
  isRefusal,
  type MessageType,
  type Minted,
  makeScripId,
  mint,
  type OpenedOf,
  type OpeningKey,
  type Or,
  openMessage,
  orThrow,
  type Purpose,
  parseAmount,
  possessionContext,
  proveSpend,
  query,
  readScrip,
  refuse,
  type ScripBody,
  type SealingKey,
  type Signed,
  type SigningKey,
  scripOf,
  sealingKeyStatement,
  sealMessage,
  sha256,
  sign1,
  signMessage,
  toText,
  transactionResponse,
  type Verified,
  vendorscripOrder,
  vendorscripResponse,
  verifyAnswer,
} from "@lepta/protocol";
import type { BrokerUnderTest, HttpAnswer } from "./broker.ts";

export const MINUTE = 60 * 1000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** `"0.02"` in euro. */
export const euro = (text: string): Amount => parseAmount(`EUR ${text}`);

type Common = "version" | "network" | "type" | "from" | "to" | "txn" | "issuedAt" | "expiresAt";
/** The fields of a message beyond the common ones. */
export type Own<M> = Omit<Draft<M>, Common>;
/** Common fields that a test sets itself; the others are as they should be. */
export interface Overrides {
  readonly network?: string;
  readonly from?: string;
  readonly to?: string;
  readonly txn?: string;
  readonly issuedAt?: number;
  readonly expiresAt?: number;
}

/** `Verified` of each type of a union. */
type VerifiedOf<M> = M extends MessageType ? Verified<M> : never;

/** A scrip as its owner holds it. */
export interface Held {
  readonly grant: Grant;
  readonly secret: Uint8Array;
  readonly body: ScripBody;
}

export interface EnrolOptions extends Overrides {
  /** The peer's name in the sandbox bank unless told otherwise; `undefined` renews without an account. */
  readonly account?: string | undefined;
  readonly mandate?: string | undefined;
  readonly statement?: Signed<typeof sealingKeyStatement>;
  readonly possession?: Uint8Array;
}

export interface TestPeer {
  readonly name: string;
  readonly uid: string;
  readonly signing: SigningKey;
  readonly opening: OpeningKey;
  readonly sealing: SealingKey;
  /** The peer's statement of its sealing key, serial 1. */
  readonly statement: Signed<typeof sealingKeyStatement>;
  newTxn(): string;
  sign<M extends MessageType>(type: M, own: Own<M>, overrides?: Overrides): Promise<Signed<M>>;
  /** Seals to the broker. */
  seal(message: Signed<MessageType>, beside?: Beside): Promise<Uint8Array>;
  /** Opens what was sealed to this peer. */
  open<M extends MessageType>(bytes: Uint8Array, accepted: readonly M[]): Promise<Or<OpenedOf<M>>>;
  /** Sends sealed bytes and checks the broker's answer; a typed error comes back as a refusal. */
  post<M extends MessageType>(
    route: string,
    sealed: Uint8Array,
    type: M,
    purpose: Purpose,
  ): Promise<Or<VerifiedOf<M>>>;
  enrolRequest(options?: EnrolOptions): Promise<Signed<typeof enrolRequest>>;
  enrol(options?: EnrolOptions): Promise<Or<Verified<typeof enrolResponse>>>;
  /** Another statement of the sealing key, with this serial; perhaps of another key. */
  restate(serial: number, opening?: OpeningKey): Promise<Signed<typeof sealingKeyStatement>>;
  topUp(amount: Amount, overrides?: Overrides): Promise<Or<Verified<typeof brokerscripResponse>>>;
  /** Tops up and takes the scrip. */
  fund(amount: Amount): Promise<Held>;
  /** With a merchant it is about a purchase. */
  query(
    initiator: string,
    subject: string,
    merchant?: string,
  ): Promise<Or<Verified<typeof transactionResponse>>>;
  abort(
    initiator: string,
    subject: string,
    more?: { readonly authorization?: string; readonly amount?: Amount },
  ): Promise<Or<Verified<typeof transactionResponse>>>;
}

/** What a peer asks of a broker and of its surroundings. */
export interface Reachable extends Pick<BrokerUnderTest, "network" | "keys"> {
  readonly runtime: Pick<BrokerUnderTest["runtime"], "now" | "random">;
  readonly wiring: Pick<BrokerUnderTest["wiring"], "suite">;
  call(route: string, body?: Uint8Array): Promise<Pick<HttpAnswer, "code" | "body">>;
}

/** A peer with keys of its own, drawn from the broker's seeded randomness. Not enrolled yet. */
export async function testPeer(broker: Reachable, name: string): Promise<TestPeer> {
  const { runtime, network } = broker;
  const { random } = runtime;
  const { suite } = broker.wiring;
  const signing = await suite.signingKey(await suite.createSigningKey(random));
  const opening = await suite.openingKey(await suite.createSealingKey(random));
  const sealing = orThrow(await suite.sealingKey(opening.publicKey));
  const uid = signing.id;
  const newTxn = () => toText(random(16));

  const sign = <M extends MessageType>(
    type: M,
    own: Own<M>,
    overrides: Overrides = {},
  ): Promise<Signed<M>> => {
    const issuedAt = overrides.issuedAt ?? runtime.now();
    const expiry = type.kind === "request" ? { expiresAt: issuedAt + HOUR } : {};
    const common = { network, from: uid, to: network, txn: newTxn(), issuedAt, ...expiry };
    return signMessage(type, { ...own, ...common, ...overrides } as unknown as Draft<M>, signing);
  };
  const restate = (serial: number, key: OpeningKey = opening) => {
    const notBefore = runtime.now();
    const { publicKey } = key;
    return sign(sealingKeyStatement, { publicKey, notBefore, notAfter: notBefore + 300 * DAY, serial });
  };
  const statement = await restate(1);

  const peer: TestPeer = {
    name,
    uid,
    signing,
    opening,
    sealing,
    statement,
    newTxn,
    sign,
    restate,
    seal: async (message, beside) => sealMessage(message, (await broker.keys()).sealingKey, random, beside),
    open: (bytes, accepted) =>
      openMessage(bytes, accepted, (kid) => (kid === opening.id ? opening : undefined)),
    post: async <M extends MessageType>(route: string, sealed: Uint8Array, type: M, purpose: Purpose) => {
      const { code, body } = await broker.call(route, sealed);
      if (code !== undefined) return refuse(codeOf(code));
      const opened = orThrow(await peer.open<MessageType>(body, [type]));
      const answer = await verifyAnswer(opened, await broker.keys(), purpose, uid, runtime.now());
      return orThrow(answer) as unknown as VerifiedOf<M>;
    },
    enrolRequest: async (options = {}) => {
      const {
        account,
        mandate,
        statement: chosen = statement,
        possession,
        ...overrides
      } = {
        account: name,
        mandate: "sandbox",
        txn: newTxn(),
        ...options,
      };
      const context = possessionContext(chosen.digest, overrides.txn);
      const { sealingKey } = await broker.keys();
      const own: Own<typeof enrolRequest> = {
        publicKey: signing.publicKey,
        sealingKey: chosen.bytes,
        possession: possession ?? (await opening.provePossession(sealingKey, context)),
        ...(account === undefined ? {} : { account }),
        ...(mandate === undefined ? {} : { mandate }),
      };
      return sign(enrolRequest, own, overrides);
    },
    enrol: async (options) =>
      peer.post("POST /enrol", await peer.seal(await peer.enrolRequest(options)), enrolResponse, "enrol"),
    topUp: async (amount, overrides) =>
      peer.post(
        "POST /brokerscrip",
        await peer.seal(await sign(brokerscripRequest, { amount }, overrides)),
        brokerscripResponse,
        "decide",
      ),
    fund: async (amount) => heldOf(orThrow(await peer.topUp(amount))),
    query: async (initiator, subject, merchant) =>
      peer.post(
        "POST /query",
        await peer.seal(
          await sign(query, { initiator, subject, ...(merchant === undefined ? {} : { merchant }) }),
        ),
        transactionResponse,
        "decide",
      ),
    abort: async (initiator, subject, more = {}) =>
      peer.post(
        "POST /abort",
        await peer.seal(await sign(abort, { initiator, subject, ...more })),
        transactionResponse,
        "decide",
      ),
  };
  return peer;
}

/** A peer that is enrolled with its own name as its account. */
export async function enrolledPeer(broker: Reachable, name: string): Promise<TestPeer> {
  const peer = await testPeer(broker, name);
  const { payload } = orThrow(await peer.enrol());
  if (!payload.ok) throw new Error(`${name} was not enrolled: ${payload.reason}`);
  return peer;
}

/** The scrip that an answer grants, with the secret beside it. Throws where there is none. */
export function heldOf(answer: {
  readonly payload: { readonly ok: boolean; readonly reason?: string; readonly grant?: Grant };
  readonly secrets: readonly { readonly scrip: string; readonly secret?: Uint8Array }[];
}): Held {
  const { grant, reason } = answer.payload;
  if (grant === undefined) throw new Error(`the answer grants no scrip: ${reason ?? "spent whole"}`);
  const body = orThrow(readScrip(grant.body));
  const secret = answer.secrets.find(({ scrip }) => scrip === body.id)?.secret;
  if (secret === undefined) throw new Error("the answer brings no CustomerSecret");
  return { grant, secret, body };
}

/** What a test may do differently in figure 8. */
export interface SaleOptions {
  readonly amount: Amount;
  readonly held: Held;
  readonly txn?: string;
  /** The part for B. */
  readonly part?: Overrides & { readonly merchant?: string; readonly amount?: Amount };
  /** The scrip that the part shows and the secret that proves it, where they are not what `held` holds. */
  readonly shown?: Partial<Held>;
  readonly minimumExpiry?: number;
  /** M2. */
  readonly m2?: Overrides & { readonly customer?: string; readonly amount?: Amount; readonly part?: string };
  /** V0's body. */
  readonly v0?: Partial<Omit<ScripBody, "version">>;
  readonly v0Bytes?: Uint8Array;
  /** The bytes that are attached in the part's place. */
  readonly attached?: readonly Uint8Array[];
}

/** Figure 8's M2, ready to be sent, with all that went into it. */
export interface Sale {
  readonly txn: string;
  readonly customer: TestPeer;
  readonly merchant: TestPeer;
  readonly order: Signed<typeof vendorscripOrder>;
  /** The part for B, sealed. */
  readonly part: Uint8Array;
  readonly v0: Minted;
  readonly escrow: Uint8Array;
  readonly request: Signed<typeof authorizationRequest>;
  readonly sealed: Uint8Array;
}

/** Makes the customer's part and the merchant's M2. */
export async function makeSale(
  customer: TestPeer,
  merchant: TestPeer,
  now: number,
  options: SaleOptions,
): Promise<Sale> {
  const { amount, held, txn = customer.newTxn(), minimumExpiry = now + HOUR } = options;
  const { merchant: named = merchant.uid, amount: spent = amount, ...partOverrides } = options.part ?? {};
  const grant = options.shown?.grant ?? held.grant;
  const body = encodeAs(brokerSpendCodec, { scrip: scripOf(grant), amount: spent, minimumExpiry });
  const spend = proveSpend(options.shown?.secret ?? held.secret, body);
  const order = await customer.sign(vendorscripOrder, { merchant: named, spend }, { txn, ...partOverrides });
  const part = await customer.seal(order);

  const network = held.body.network;
  const secrets = { epochRoot: sha256(merchant.signing.publicKey), salt: sha256(part) };
  const v0 = mint(secrets, {
    kind: "vendor",
    network,
    issuer: merchant.uid,
    owner: customer.uid,
    id: makeScripId(1, sha256(part).slice(0, 12)),
    value: amount,
    expiresAt: now + DAY,
    ...options.v0,
  });
  const m5 = await merchant.sign(
    vendorscripResponse,
    { request: order.digest, ok: true, decidedAt: now, grant: v0.grant },
    { to: customer.uid, txn },
  );
  const beside = { secrets: [{ scrip: v0.body.id, secret: v0.customerSecret }] };
  const escrow = await sealMessage(m5, customer.sealing, (length) => sha256(part).slice(0, length), beside);
  const {
    customer: payer = customer.uid,
    amount: asked = amount,
    part: partDigest = toText(sha256(part)),
    ...overrides
  } = options.m2 ?? {};
  const own = {
    customer: payer,
    amount: asked,
    part: partDigest,
    scrip: options.v0Bytes ?? v0.grant.body,
    escrow,
  };
  const request = await merchant.sign(authorizationRequest, own, { txn, ...overrides });
  const sealed = await merchant.seal(request, { attachments: options.attached ?? [part] });
  return { txn, customer, merchant, order, part, v0, escrow, request, sealed };
}

export interface Authorised {
  readonly m4: Verified<typeof authorizationResponse>;
  /** Undefined where the customer's transaction was left as it was. */
  readonly m3: Verified<typeof brokerscripChange> | undefined;
}

/** Sends M2; M4 checked by the merchant, M3 by the customer. */
export async function authorise(
  broker: Pick<Reachable, "runtime" | "keys">,
  sale: Sale,
): Promise<Or<Authorised>> {
  const { merchant, customer } = sale;
  const m4 = await merchant.post("POST /authorise", sale.sealed, authorizationResponse, "decide");
  if (isRefusal(m4)) return m4;
  const [attached] = m4.attachments;
  if (attached === undefined) return { m4, m3: undefined };
  const opened = orThrow(await customer.open(attached, [brokerscripChange]));
  const now = broker.runtime.now();
  const m3 = orThrow(await verifyAnswer(opened, await broker.keys(), "decide", customer.uid, now));
  return { m4, m3 };
}

/** The acknowledgement of a notice or an intent: each is signed by whoever keeps it. */
export const tell = (
  peer: TestPeer,
  route: string,
  sealed: Uint8Array,
): Promise<Or<Verified<typeof acknowledgement>>> =>
  peer.post(route, sealed, acknowledgement, route === "POST /intent" ? "decide" : "acknowledge");

function codeOf(code: string): ErrorCode {
  if (!isErrorCode(code))
    throw new Error(`the broker answered with a code that is not in the table: ${code}`);
  return code;
}

/** A payload with another value, perhaps one that no codec of ours would write, under one of its keys. */
export function respell(payload: Uint8Array, key: number, value: Cbor): Uint8Array {
  const map = orThrow(decodeCbor(payload));
  if (!(map instanceof Map)) throw new Error("a payload is a map");
  return encodeCbor(new Map<number, Cbor>([...(map as ReadonlyMap<number, Cbor>), [key, value]]));
}

/** Signs these payload bytes as a message of this type and seals it to the broker's key with this id. */
export async function sealPayload(
  peer: TestPeer,
  type: MessageType,
  payload: Uint8Array,
  beside?: Beside,
): Promise<Uint8Array> {
  const bytes = await sign1(peer.signing, peer.uid, type.mediaType, payload);
  return peer.seal({ type, bytes, digest: digestOf(payload) }, beside);
}
