/** What one metered request uses, paid for piece by piece: each piece is a purchase on a lane of so many units at most. */
import { LeptaError, limits } from "@lepta/protocol";
import { Goods } from "../goods.ts";
import { Delivery, NotSold } from "../merchant/catalogue.ts";
import type { Runtime } from "../ports.ts";

interface Piece {
  readonly quantity: number;
  left: number;
  readonly sell: (delivery: Delivery) => void;
  readonly refuse: (error: Error) => void;
}

export class Meter {
  readonly #runtime: Runtime;
  /** Units that one request may use. */
  readonly #most: number;
  readonly #id: string;
  #piece: Piece | undefined;
  #used = 0;
  #isOver = false;
  /** Whoever waits for a piece. */
  #wanting: ((piece: Piece | undefined) => void) | undefined;
  /** Uses follow each other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(runtime: Runtime, most: number, id: string) {
    this.#runtime = runtime;
    this.#most = most;
    this.#id = id;
  }

  /** Takes in a piece; resolves when it is used up or the answer has ended. Throws `NotSold` where nothing is to be charged. */
  pay(quantity: number): Promise<Delivery> {
    return new Promise((resolve, reject) => {
      // Its customer pays for one after the other, and could not know that the answer has ended.
      if (this.#isOver || this.#piece !== undefined) return reject(new NotSold("conflict"));
      this.#piece = { quantity, left: quantity, sell: resolve, refuse: reject };
      this.#wanting?.(this.#piece);
    });
  }

  /**
   * Counts units that were made, and waits while the funds are used up. Throws `over-max` at the most that one request may use,
   * `insufficient-funds` where no more funds come within `fundsWithin`, `closed` when the answer has ended.
   */
  use(units: number): Promise<void> {
    if (!Number.isInteger(units) || units < 1)
      return Promise.reject(new LeptaError("bad-amount", `${units} units`));
    const mine = this.#last.then(() => this.#use(units));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  /** Nothing more is used: what is left of the piece is not charged. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#piece !== undefined) this.#settle(this.#piece);
    this.#wanting?.(undefined);
  }

  /** The handler has failed: the piece that is not settled yet costs nothing. */
  fail(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#piece?.refuse(new NotSold("delivery-failed"));
    this.#wanting?.(undefined);
  }

  async #use(units: number): Promise<void> {
    if (this.#used + units > this.#most)
      throw new LeptaError("over-max", `more than ${this.#most} units for one request`);
    let left = units;
    while (left > 0) {
      const piece = this.#isOver ? undefined : (this.#piece ?? (await this.#next()));
      if (piece === undefined) throw new LeptaError(this.#isOver ? "closed" : "insufficient-funds");
      const taken = Math.min(left, piece.left);
      piece.left -= taken;
      left -= taken;
      this.#used += taken;
      if (piece.left === 0) this.#settle(piece);
    }
  }

  #next(): Promise<Piece | undefined> {
    return new Promise((resolve) => {
      const callOff = this.#runtime.later(limits.fundsWithin, () => this.#wanting?.(undefined));
      this.#wanting = (piece) => {
        callOff();
        this.#wanting = undefined;
        resolve(piece);
      };
    });
  }

  #settle(piece: Piece): void {
    this.#piece = undefined;
    const units = piece.quantity - piece.left;
    const said = JSON.stringify({ challenge: this.#id, units, used: this.#used });
    piece.sell(new Delivery(new Goods(TYPE, new TextEncoder().encode(said)), () => {}, units));
  }
}

const TYPE = "application/json";
