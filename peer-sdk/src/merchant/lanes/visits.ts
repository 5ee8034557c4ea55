/** The sessions that are open at a merchant, by customer. */
import type { Uid } from "@lepta/protocol";
import type { LaneVisit } from "./lane.ts";

export class Visits {
  /** Arrays, as nearly all have one: a set of one takes five times as much memory. */
  readonly #byCustomer = new Map<Uid, readonly LaneVisit[]>();

  /** The open sessions of one customer. */
  of(customer: Uid): readonly LaneVisit[] {
    return this.#byCustomer.get(customer) ?? [];
  }

  /** The latest of them. */
  latest(customer: Uid): LaneVisit | undefined {
    return this.of(customer).findLast(({ session }) => session.isOpen);
  }

  add(visit: LaneVisit): void {
    const { uid } = visit.customer;
    this.#byCustomer.set(uid, [...this.of(uid), visit]);
  }

  remove(visit: LaneVisit): void {
    const { uid } = visit.customer;
    const left = this.of(uid).filter((each) => each !== visit);
    if (left.length === 0) this.#byCustomer.delete(uid);
    else this.#byCustomer.set(uid, left);
  }

  /** Ends all of them in good order. */
  close(): void {
    for (const visits of [...this.#byCustomer.values()]) for (const visit of visits) visit.end("closed");
  }
}
