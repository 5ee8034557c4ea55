/**
 * A lean customer: figure 7 with every check and signature that it asks of a customer, and no store of its own. What a
 * customer has to keep is not what is measured here; the merchant's work is, and all of it is production code.
 */
import { type Channel, connectWebSocket } from "@lepta/peer-sdk";
import {
  ANYBODY,
  amountOf,
  type Credential,
  checkGrant,
  type Draft,
  decodeAs,
  encodeAs,
  errorCodec,
  frameCodec,
  hello,
  isRefusal,
  LeptaError,
  type MessageType,
  type Opened,
  type Order,
  openMessage,
  orderHash,
  orThrow,
  parseAmount,
  proveSpend,
  purchaseNotice,
  purchaseRequest,
  purchaseResponse,
  purchaseSpendCodec,
  readMessage,
  refuse,
  type Signed,
  sameAmount,
  scripOf,
  sealMessage,
  signMessage,
  type Trust,
  toText,
  type Uid,
  type Verified,
  verifyBrokerKeys,
  verifyCredential,
  verifyMessage,
} from "@lepta/protocol";
import type { FrameBytes } from "./calls.ts";
import { ITEM } from "./item.ts";
import { type CustomerOptions, type Holding, type Provision, provision } from "./provision.ts";

const REQUEST_LIFE = 5 * 60 * 1000;
const PRICE = parseAmount(ITEM.price);
const ORDER: Order = { sku: ITEM.sku, description: ITEM.description, unitPrice: PRICE, quantity: 1 };

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** Who we are, to whom we talk, and over what. */
interface Meeting {
  readonly keys: Pick<Provision, "signing" | "opening">;
  readonly network: Uid;
  readonly merchant: Credential;
  readonly channel: Channel;
}

export class BenchCustomer {
  readonly #meeting: Meeting;
  #holding: Holding;
  /** In millionths: what the scrip that we hold must be worth. */
  #value: bigint;
  #frameBytes: FrameBytes = { request: 0, response: 0 };

  private constructor(meeting: Meeting, holding: Holding, value: bigint) {
    this.#meeting = meeting;
    this.#holding = holding;
    this.#value = value;
  }

  /** Obtains VendorScrip, connects and says hello. */
  static async open(options: CustomerOptions): Promise<BenchCustomer> {
    const made = await provision(options);
    const { network, trust } = await readBrokerKeys(options);
    const channel = await connectWebSocket(options.url);
    const merchant = await greet(made, network, trust, channel);
    const expected = { kind: "vendor", network, issuer: merchant.uid, owner: made.signing.id } as const;
    const body = orThrow(checkGrant(made.holding.grant, made.holding.secret, expected));
    return new BenchCustomer({ keys: made, network, merchant, channel }, made.holding, body.value.value);
  }

  /** The size of the last purchase's two WebSocket messages. */
  get frameBytes(): FrameBytes {
    return this.#frameBytes;
  }

  /** One purchase: M0 and M1 signed, M1 sent, M2 checked, the change taken. Throws where the merchant refuses. */
  async buy(): Promise<void> {
    const { keys, merchant, channel } = this.#meeting;
    const txn = toText(random(16));
    const request = await this.#sign(txn);
    const sealed = await sealMessage(request, merchant.sealingKey, random);
    const [reply] = await channel.request([sealed]);
    if (reply === undefined) throw new LeptaError("unreachable", "an empty answer");
    const opened = await openMessage(reply, [purchaseResponse], (kid) =>
      kid === keys.opening.id ? keys.opening : undefined,
    );
    if (isRefusal(opened)) throw errorOf(reply) ?? new LeptaError(opened.code, opened.detail);
    const answer = await this.#verify(opened);
    if (answer.payload.txn !== txn || answer.payload.request !== request.digest)
      throw new LeptaError("wrong-reference");
    this.#take(answer);
    this.#frameBytes = { request: frameLength(sealed), response: frameLength(reply) };
  }

  /** M1, and M0 with it, which a load generator has nobody to send to: its signature is made as figure 7 asks. */
  async #sign(txn: string): Promise<Signed<typeof purchaseRequest>> {
    const { keys, network, merchant } = this.#meeting;
    const { grant, secret } = this.#holding;
    const salt = random(16);
    const body = encodeAs(purchaseSpendCodec, {
      scrip: scripOf(grant),
      order: ORDER,
      salt,
      amount: PRICE,
      metered: false,
    });
    const issuedAt = Date.now();
    const head = { network, from: keys.signing.id, txn, issuedAt };
    const request = await signMessage(
      purchaseRequest,
      {
        ...head,
        to: merchant.uid,
        expiresAt: issuedAt + REQUEST_LIFE,
        spend: proveSpend(secret, body),
      },
      keys.signing,
    );
    const notice: Draft<typeof purchaseNotice> = {
      ...head,
      to: network,
      merchant: merchant.uid,
      amount: PRICE,
      metered: false,
      order: orderHash(salt, ORDER),
      purchase: request.digest,
    };
    await signMessage(purchaseNotice, notice, keys.signing);
    return request;
  }

  async #verify<M extends MessageType>(opened: Opened<M>): Promise<Verified<M>> {
    const { keys, network, merchant } = this.#meeting;
    const { verifyingKey: key, uid } = merchant;
    const by = { key, kid: uid, from: uid, to: keys.signing.id, network, now: Date.now() };
    return orThrow(await verifyMessage(opened, by));
  }

  /** Checks the charge and the change, and holds the change from now on. */
  #take({ payload, secrets }: Verified<typeof purchaseResponse>): void {
    const { ok, reason = "", charged, grant, goods } = payload;
    const [beside] = secrets;
    if (!ok) throw new Error(`the merchant refused a purchase: ${reason}`);
    if (!sameAmount(charged, PRICE) || goods === undefined || grant === undefined || beside === undefined)
      throw new LeptaError("scrip-mismatch");
    const { keys, network, merchant } = this.#meeting;
    const value = this.#value - PRICE.value;
    const expected = {
      kind: "vendor",
      network,
      issuer: merchant.uid,
      owner: keys.signing.id,
      value: amountOf(PRICE.currency, value),
    } as const;
    orThrow(checkGrant(grant, beside.secret, expected));
    if (beside.secret === undefined) throw new LeptaError("wrong-reference");
    this.#holding = { grant, secret: beside.secret };
    this.#value = value;
  }
}

async function readBrokerKeys({ broker, suite }: CustomerOptions) {
  const [url = "", pin = ""] = broker.split("#");
  const response = await fetch(`${url}/keys`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return orThrow(await verifyBrokerKeys(bytes, pin, suite, Date.now()));
}

async function greet(
  { signing, credential }: Provision,
  network: Uid,
  trust: Trust,
  channel: Channel,
): Promise<Credential> {
  const issuedAt = Date.now();
  const greeting = await signMessage(
    hello,
    {
      network,
      from: signing.id,
      to: ANYBODY,
      txn: toText(random(16)),
      issuedAt,
      expiresAt: issuedAt + REQUEST_LIFE,
      credential,
    },
    signing,
  );
  const [reply] = await channel.request([greeting.bytes]);
  const opened = orThrow(reply === undefined ? refuse("unreachable") : readMessage(reply, [hello]));
  return orThrow(await verifyCredential(opened.payload.credential, trust, Date.now()));
}

/** The error that the merchant answered with, where its answer is one. */
function errorOf(reply: Uint8Array): Error | undefined {
  const error = decodeAs(errorCodec, reply);
  return isRefusal(error) ? undefined : new Error(`the merchant answered a purchase with: ${error.code}`);
}

const frameLength = (message: Uint8Array): number => encodeAs(frameCodec, [1, [message]]).length;
