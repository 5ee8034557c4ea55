/**
 * Where paid requests and their purchases meet: a request waits for the purchase that pays for it, a purchase on a lane for the
 * request that it pays for. The handler runs inside the purchase, so that what it does not make is not sold.
 */
import { type ErrorCode, limits, type Or, refuse } from "@lepta/protocol";
import type { Payment, Serve } from "../http/paywall-port.ts";
import { type BoundPurchase, Delivery, NotSold } from "../merchant/catalogue.ts";
import type { CallOff, Runtime } from "../ports.ts";
import { type AnswerOf, goodsFor, sentAnswer, takeAnswer } from "./answer.ts";
import type { Answer, Answers } from "./answers.ts";
import { Meter } from "./meter.ts";
import type { Route } from "./routes.ts";
import { streamed } from "./streamed.ts";

/** How a paid request ends. */
export type Outcome =
  /** Made, and the sale is durable. */
  | { readonly kind: "sold"; readonly answer: Answer }
  /** A metered answer has begun. */
  | { readonly kind: "begun"; readonly response: Response; readonly purchase: string }
  /** The handler's own failure: nothing is charged. */
  | { readonly kind: "unsold"; readonly response: Response }
  | { readonly kind: "thrown"; readonly error: unknown }
  /** Decided on its lane, so that the same payment will never do; otherwise it may before long. */
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly isDecided?: boolean };

/** What a request brings to the till. */
export interface Arrival {
  /** The challenge's id. */
  readonly id: string;
  /** SHA-256 of the credential's payload. */
  readonly payment: string;
  readonly route: Route;
  readonly serve: Serve;
  /** The purchase that its credential names: customer and transaction. */
  readonly purchase: string;
  readonly isOnLane: boolean;
}

/** A request that waits. */
export interface Guest extends Arrival {
  readonly outcome: Promise<Outcome>;
  readonly end: (outcome: Outcome) => void;
  meter: Meter | undefined;
  isServed: boolean;
}

export class Till {
  readonly #answers: Answers;
  readonly #runtime: Runtime;
  readonly #onError: (error: unknown) => void;
  readonly #guests = new Map<string, Guest>();
  /** By the names of their purchases: what is refused before it comes here. */
  readonly #byPurchase = new Map<string, Guest>();
  /** How many of each customer's. */
  readonly #counts = new Map<string, number>();
  /** Purchases on lanes that wait for their requests, by the challenge's id. */
  readonly #expected = new Map<string, (guest: Guest | undefined) => void>();

  constructor(answers: Answers, runtime: Runtime, onError: (error: unknown) => void) {
    this.#answers = answers;
    this.#runtime = runtime;
    this.#onError = onError;
  }

  /** The request with this payment that is being worked on, `conflict` where another payment is. */
  find(id: string, payment: string): Or<Guest> | undefined {
    const guest = this.#guests.get(id);
    return guest === undefined || guest.payment === payment ? guest : refuse("conflict");
  }

  /**
   * Takes a request in; `busy` where there are too many, or too many of one customer's, `pending` where this challenge is at work,
   * `conflict` where its purchase pays for another request. The caller lets go of it.
   */
  enter(arrival: Arrival): Or<Guest> {
    if (this.#guests.has(arrival.id)) return refuse("pending");
    if (this.#byPurchase.has(arrival.purchase)) return refuse("conflict");
    const customer = customerOf(arrival);
    const count = this.#counts.get(customer) ?? 0;
    if (this.#guests.size >= limits.paidAtOnce || count >= limits.paidByOne) return refuse("busy");
    this.#counts.set(customer, count + 1);
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const guest: Guest = { ...arrival, outcome: promise, end: resolve, meter: undefined, isServed: false };
    this.#guests.set(arrival.id, guest);
    this.#byPurchase.set(arrival.purchase, guest);
    this.#expected.get(arrival.id)?.(guest);
    return guest;
  }

  leave(guest: Guest): void {
    if (this.#guests.get(guest.id) !== guest) return;
    this.#guests.delete(guest.id);
    this.#byPurchase.delete(guest.purchase);
    const customer = customerOf(guest);
    const left = (this.#counts.get(customer) ?? 0) - 1;
    if (left > 0) this.#counts.set(customer, left);
    else this.#counts.delete(customer);
  }

  /** Waits for its purchase, but no longer than `meetWithin` for it to come; while it stands behind another on its lane it has come. */
  async meet(guest: Guest, isBehind: () => boolean): Promise<Outcome> {
    let callOff: CallOff = () => {};
    const wait = (): void => {
      callOff = this.#runtime.later(limits.meetWithin, () => {
        if (guest.isServed) return;
        if (isBehind()) wait();
        else guest.end({ kind: "refused", code: "unreachable" });
      });
    };
    wait();
    try {
      return await guest.outcome;
    } finally {
      callOff();
    }
  }

  /** A purchase on a lane was refused before it came here, or after. */
  refused(purchase: string, code: ErrorCode): void {
    this.#byPurchase.get(purchase)?.end({ kind: "refused", code, isDecided: true });
  }

  /** A lane of this customer's has to end: nothing more is used of what is under way. */
  endMetered(customer: string): void {
    for (const guest of [...this.#guests.values()]) if (customerOf(guest) === customer) guest.meter?.end();
  }

  /** The handler of every route: makes what a purchase pays for. Throws `NotSold` where nothing is to be charged. */
  async deliver(purchase: BoundPurchase): Promise<Delivery> {
    const id = purchase.description;
    const made = await this.#answers.find(id);
    const guest = this.#guests.get(id) ?? (made === undefined ? await this.#expect(purchase) : undefined);
    // It has been made for this very purchase before, and the process died before it was sold.
    if (made !== undefined && guest?.meter === undefined) return this.#again(made, purchase, guest);
    if (guest === undefined) throw new NotSold("wrong-reference");
    // The first purchase of a metered request is named by its credential; the same customer pays for more.
    const isItsOwn =
      guest.purchase === purchase.id ||
      (guest.meter !== undefined && customerOf(guest) === purchase.customer);
    if (!isItsOwn || guest.route.sku !== purchase.sku) throw new NotSold("wrong-reference");
    if (guest.meter !== undefined) return guest.meter.pay(purchase.quantity);
    if (guest.isServed) throw new NotSold("conflict");
    guest.isServed = true;
    return guest.route.meter === undefined
      ? this.#sell(guest, purchase)
      : this.#begin(guest, purchase, guest.route.meter.most);
  }

  /** Nobody waits any more. */
  close(): void {
    for (const arrived of [...this.#expected.values()]) arrived(undefined);
    for (const guest of [...this.#guests.values()]) {
      guest.meter?.end();
      guest.end({ kind: "refused", code: "closed" });
    }
  }

  async #sell(guest: Guest, { customer, id }: BoundPurchase): Promise<Delivery> {
    const response = await this.#serve(guest, { customer, id });
    const answer = await takeAnswer(response, this.#known(guest, id)).catch((error: unknown) =>
      this.#failed(guest, error),
    );
    await this.#answers.keep(guest.id, answer);
    return new Delivery(goodsFor(guest.id, answer), (isSold) =>
      guest.end(isSold === true ? { kind: "sold", answer } : { kind: "refused", code: notSold(isSold) }),
    );
  }

  /** The answer leaves while it is made; what was used is charged for, piece by piece. */
  #begin(guest: Guest, purchase: BoundPurchase, most: number): Promise<Delivery> {
    const meter = new Meter(this.#runtime, most, guest.id);
    guest.meter = meter;
    const first = meter.pay(purchase.quantity);
    this.#stream(guest, purchase, meter).catch((error: unknown) => {
      meter.fail();
      guest.end({ kind: "thrown", error });
      this.leave(guest);
      if (!(error instanceof NotSold)) this.#onError(error);
    });
    return first;
  }

  async #stream(guest: Guest, { customer, id }: BoundPurchase, meter: Meter): Promise<void> {
    const use = (units: number): Promise<void> => meter.use(units);
    const response = await this.#serve(guest, { customer, id, use });
    // Before it begins: one that cannot be kept is a fault of its handler, and costs nothing.
    const head = sentAnswer(response, this.#known(guest, id), undefined);
    const ended = (body: Uint8Array | undefined): void => {
      meter.end();
      // Where it cannot be kept nobody gets it again; what was used is paid for.
      this.#answers
        .keep(guest.id, { ...head, ...(body === undefined ? {} : { body }) })
        .catch(this.#onError)
        .finally(() => this.leave(guest));
    };
    guest.end({ kind: "begun", response: streamed(response, this.#runtime, ended), purchase: id });
  }

  #known({ payment, isOnLane, route }: Guest, purchase: string): AnswerOf {
    return { payment, purchase, isOnLane, sku: route.sku, at: this.#runtime.now() };
  }

  async #serve(guest: Guest, payment: Payment): Promise<Response> {
    let response: Response;
    try {
      response = await guest.serve(payment);
    } catch (error) {
      return this.#failed(guest, error);
    }
    if (response.ok) return response;
    guest.end({ kind: "unsold", response });
    throw new NotSold("delivery-failed");
  }

  #failed(guest: Guest, error: unknown): never {
    guest.end({ kind: "thrown", error });
    throw new NotSold("delivery-failed");
  }

  #again(made: Answer, purchase: BoundPurchase, guest: Guest | undefined): Delivery {
    if (made.purchase !== purchase.id || made.sku !== purchase.sku) throw new NotSold("conflict");
    return new Delivery(goodsFor(purchase.description, made), (isSold) => {
      guest?.end(
        isSold === true ? { kind: "sold", answer: made } : { kind: "refused", code: notSold(isSold) },
      );
    });
  }

  /** The request that a purchase on a lane pays for may be on its way still. */
  #expect({ description: id, isOnLane }: BoundPurchase): Promise<Guest | undefined> | undefined {
    if (!isOnLane || this.#expected.has(id)) return undefined;
    return new Promise((resolve) => {
      const late: CallOff = this.#runtime.later(limits.meetWithin, () => this.#expected.get(id)?.(undefined));
      this.#expected.set(id, (guest) => {
        late();
        this.#expected.delete(id);
        resolve(guest);
      });
    });
  }
}

const customerOf = ({ purchase }: Pick<Arrival, "purchase">): string =>
  purchase.slice(0, purchase.indexOf("/"));

/** Where nobody knows whether it was sold its customer is to ask again. */
const notSold = (isSold: false | undefined): ErrorCode => (isSold === false ? "delivery-failed" : "internal");
