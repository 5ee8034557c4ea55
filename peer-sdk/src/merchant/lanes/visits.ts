/** The sessions that are open at a merchant, by customer. */
import type { Uid } from "@lepta/protocol";
import type { LaneVisit } from "./lane.ts";

export class Visits {
  readonly #byCustomer = new Map<Uid, Set<LaneVisit>>();

  /** The open sessions of one customer. */
  of(customer: Uid): readonly LaneVisit[] {
    return [...(this.#byCustomer.get(customer) ?? [])];
  }

  /** The latest of them. */
  latest(customer: Uid): LaneVisit | undefined {
    return this.of(customer).findLast(({ session }) => session.isOpen);
  }

  add(visit: LaneVisit): void {
    const { uid } = visit.customer;
    const known = this.#byCustomer.get(uid);
    if (known === undefined) this.#byCustomer.set(uid, new Set([visit]));
    else known.add(visit);
  }

  remove(visit: LaneVisit): void {
    const { uid } = visit.customer;
    const known = this.#byCustomer.get(uid);
    known?.delete(visit);
    if (known?.size === 0) this.#byCustomer.delete(uid);
  }

  /** Ends all of them in good order. */
  close(): void {
    for (const visits of [...this.#byCustomer.values()]) for (const visit of [...visits]) visit.end("closed");
  }
}
