/** A peer whose messages a test writes by hand: what the SDK would never send. */
import { LeptaError, type PartyOptions, type PeerStore, type Visit } from "@lepta/peer-sdk";
import {
  type Amount,
  ANYBODY,
  type Beside,
  brokerSpendCodec,
  type Cbor,
  type Credential,
  decodeAs,
  decodeCbor,
  encodeAs,
  encodeCbor,
  encodePayload,
  errorCodec,
  hello,
  isRefusal,
  type MessageType,
  type Order,
  openMessage,
  orThrow,
  type Payload,
  parseAmount,
  proveSpend,
  purchaseRequest,
  purchaseResponse,
  purchaseSpendCodec,
  readMessage,
  type ScripTuple,
  type Signed,
  scripOf,
  sealMessage,
  sha256,
  sign1,
  toText,
  vendorscripOrder,
  vendorscripRequest,
  verifyCredential,
} from "@lepta/protocol";
import { customerTables, type Holding } from "../../../peer-sdk/src/customer/records.ts";
import { openParty, type Party } from "../../../peer-sdk/src/party.ts";

export type Draft = Readonly<Record<string, unknown>>;

export interface Spending {
  readonly scrip: ScripTuple;
  readonly secret: Uint8Array;
}

export class Hand {
  readonly party: Party;
  readonly store: PeerStore;

  constructor(party: Party, store: PeerStore) {
    this.party = party;
    this.store = store;
  }

  /** A peer on this store, enrolled; the store may be a wallet's or a merchant's. */
  static async open(options: PartyOptions & { readonly store: PeerStore }): Promise<Hand> {
    return new Hand(await openParty(options), options.store);
  }

  get uid(): string {
    return this.party.identity.uid;
  }

  newTxn(): string {
    return toText(this.party.runtime.random(16));
  }

  /** Signs any fields as a message of this type; `alter` changes the payload's CBOR map before it is signed. */
  async sign<M extends MessageType>(
    type: M,
    fields: Draft,
    alter?: (payload: Map<number, Cbor>) => void,
  ): Promise<Signed<M>> {
    const { identity, runtime, link } = this.party;
    const now = runtime.now();
    const draft = {
      network: link.network,
      from: identity.uid,
      txn: this.newTxn(),
      issuedAt: now,
      ...(type.kind === "request" ? { expiresAt: now + 60_000 } : {}),
      ...fields,
    };
    let payload = encodePayload(type, draft as unknown as Parameters<typeof encodePayload<M>>[1]);
    if (alter !== undefined) {
      const map = orThrow(decodeCbor(payload));
      if (!(map instanceof Map)) throw new Error("a payload is a map");
      alter(map as Map<number, Cbor>);
      payload = encodeCbor(map as Cbor);
    }
    const bytes = await sign1(identity.signing, identity.uid, type.mediaType, payload);
    return { type, bytes, digest: toText(sha256(payload)) };
  }

  sealToBroker(message: Signed<MessageType>, beside: Beside = {}): Promise<Uint8Array> {
    return this.party.link.seal(message, beside);
  }

  /** Says hello on a visit and learns whom it talks to. */
  async greet(visit: Visit): Promise<Meeting> {
    const greeting = await this.sign(hello, {
      to: ANYBODY,
      credential: (await this.party.credential()).bytes,
    });
    const [reply] = await visit([greeting.bytes]);
    if (reply === undefined) throw new Error("no answer to hello");
    const error = errorIn(reply);
    if (error !== undefined) throw new Error(`hello was refused: ${error}`);
    const opened = orThrow(readMessage(reply, [hello]));
    const { trust } = await this.party.link.keys();
    const credential = orThrow(
      await verifyCredential(opened.payload.credential, trust, this.party.runtime.now()),
    );
    return new Meeting(this, visit, credential);
  }

  /** What the wallet of this store holds of a merchant. */
  async holdings(merchant: string): Promise<readonly Holding[]> {
    return (await customerTables(this.store).vendorscrip.list({ under: `${merchant}/` })).map(
      ([, held]) => held,
    );
  }

  async holding(merchant: string): Promise<Holding> {
    const [held] = await this.holdings(merchant);
    if (held === undefined) throw new Error("the wallet holds no scrip of this merchant");
    return held;
  }

  async purse(): Promise<Holding> {
    const held = await customerTables(this.store).purse.get("live");
    if (held === undefined) throw new Error("the wallet holds no BrokerScrip");
    return held;
  }

  /** The part for B of figure 8, sealed, and its digest. */
  async part(merchant: string, txn: string, amount: Amount, held: Holding, fields: Draft = {}) {
    const { link, runtime } = this.party;
    const body = encodeAs(brokerSpendCodec, {
      scrip: scripOf(held.grant),
      amount,
      minimumExpiry: runtime.now() + 60_000,
    });
    const order = await this.sign(vendorscripOrder, {
      to: link.network,
      txn,
      merchant,
      spend: proveSpend(held.secret, body),
      ...fields,
    });
    return { digest: order.digest, sealed: await link.seal(order) };
  }
}

/** One hand-made peer at one merchant. */
export class Meeting {
  readonly hand: Hand;
  readonly visit: Visit;
  readonly merchant: Credential;

  constructor(hand: Hand, visit: Visit, merchant: Credential) {
    this.hand = hand;
    this.visit = visit;
    this.merchant = merchant;
  }

  seal(message: Signed<MessageType>, beside: Beside = {}): Promise<Uint8Array> {
    return sealMessage(message, this.merchant.sealingKey, this.hand.party.runtime.random, beside);
  }

  /** M1 of figure 7, signed. */
  purchase(
    { scrip, secret }: Spending,
    order: Order,
    options: {
      readonly amount?: Amount;
      readonly metered?: boolean;
      readonly fields?: Draft;
      readonly pop?: Uint8Array;
      readonly alterSpend?: (spend: Map<number, Cbor>) => void;
    } = {},
  ): Promise<Signed<typeof purchaseRequest>> {
    const { amount = order.unitPrice, metered = false, fields = {}, pop, alterSpend } = options;
    let body = encodeAs(purchaseSpendCodec, {
      scrip,
      order,
      salt: this.hand.party.runtime.random(16),
      amount,
      metered,
    });
    if (alterSpend !== undefined) {
      const map = orThrow(decodeCbor(body));
      if (!(map instanceof Map)) throw new Error("a spend is a map");
      alterSpend(map as Map<number, Cbor>);
      body = encodeCbor(map as Cbor);
    }
    const spend = proveSpend(secret, body);
    return this.hand.sign(purchaseRequest, {
      to: this.merchant.uid,
      spend: pop === undefined ? spend : [body, pop],
      ...fields,
    });
  }

  /** M1 of figure 8, sealed, with a part for B. */
  async obtain(amount: Amount, held: Holding, txn = this.hand.newTxn(), fields: Draft = {}) {
    const part = await this.hand.part(this.merchant.uid, txn, amount, held);
    const request = await this.hand.sign(vendorscripRequest, {
      to: this.merchant.uid,
      txn,
      amount,
      minimumExpiry: this.hand.party.runtime.now() + 60_000,
      part: toText(sha256(part.sealed)),
      ...fields,
    });
    return { txn, request, sealed: await this.seal(request, { attachments: [part.sealed] }) };
  }

  /** Sends sealed bytes: an error's code, or the bytes that came back. */
  async send(
    bytes: Uint8Array,
  ): Promise<{ readonly error: string | undefined; readonly replies: readonly Uint8Array[] }> {
    const replies = await this.visit([bytes]);
    const [first] = replies;
    return { error: first && errorIn(first), replies };
  }

  /** Sends M1 of figure 7 and reads M2: the signed answer, or the code of an error message. */
  async buy(message: Signed<typeof purchaseRequest>): Promise<Sold> {
    const { error, replies } = await this.send(await this.seal(message));
    if (error !== undefined)
      return { error, reason: error, ok: false, signed: undefined, payload: undefined };
    const answer = orThrow(await this.open(replies[0], purchaseResponse));
    const { payload, signed } = answer;
    return { error: undefined, reason: payload.reason, ok: payload.ok, signed, payload };
  }

  /** Opens what the merchant sealed to us. The signature is not checked: the test compares bytes. */
  open<M extends MessageType>(bytes: Uint8Array | undefined, type: M) {
    const { opening } = this.hand.party.identity;
    return openMessage(bytes ?? new Uint8Array(), [type], (kid) =>
      kid === opening.id ? opening : undefined,
    );
  }
}

export interface Sold {
  readonly error: string | undefined;
  readonly reason: string | undefined;
  readonly ok: boolean;
  readonly signed: Uint8Array | undefined;
  readonly payload: Payload<typeof purchaseResponse> | undefined;
}

/** The code of an error message; undefined where the bytes are none. */
export function errorIn(bytes: Uint8Array): string | undefined {
  const error = decodeAs(errorCodec, bytes);
  return isRefusal(error) ? undefined : error.code;
}

export const euro = (text: string): Amount => parseAmount(`EUR ${text}`);

export const orderFor = (sku: string, price: string, quantity = 1): Order => ({
  sku,
  description: "",
  unitPrice: parseAmount(price),
  quantity,
});

/** A holding as what spends it. */
export const spendingOf = (held: Holding): Spending => ({ scrip: scripOf(held.grant), secret: held.secret });

/** Fails loudly where a test expects a value to be there. */
export function given<T>(value: T | undefined, what = "value"): T {
  if (value === undefined) throw new LeptaError("internal", `the test has no ${what}`);
  return value;
}
