/** The merchants that a wallet is connected to: one connection to each address, opened again when it has broken. */
import { isOver } from "@lepta/protocol";
import type { Customer } from "./customer.ts";
import { type Acquaintance, meet } from "./meet.ts";

export class Acquaintances {
  readonly #customer: Customer;
  readonly #meetings = new Map<string, Promise<Acquaintance>>();

  constructor(customer: Customer) {
    this.#customer = customer;
  }

  /** The merchant at this address. Throws what meeting one throws. */
  async at(url: string): Promise<Acquaintance> {
    const before = this.#meetings.get(url);
    const known = await before?.catch(() => undefined);
    if (known?.channel.isOpen && this.#isGood(known)) return known;
    // Another call may have begun a new one meanwhile.
    const current = this.#meetings.get(url);
    if (current !== undefined && current !== before) return current;
    known?.channel.close();
    const meeting = meet(this.#customer, url);
    this.#meetings.set(url, meeting);
    return meeting;
  }

  #isGood({ ours, credential }: Acquaintance): boolean {
    const { link, runtime } = this.#customer.party;
    const trust = link.trust();
    const now = runtime.now();
    return !isOver(ours, trust, now) && !isOver(credential, trust, now);
  }

  /** Closes every connection; one that is being opened is closed when it stands, and nobody waits for it. */
  close(): void {
    for (const meeting of this.#meetings.values())
      meeting.then(
        ({ channel }) => channel.close(),
        () => undefined,
      );
    this.#meetings.clear();
  }
}
