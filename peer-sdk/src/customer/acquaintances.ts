/** The merchants that a wallet is connected to: one connection to each address, opened again when it has broken. */
import { isOver, LeptaError, limits } from "@lepta/protocol";
import type { Acquaintance } from "./acquaintance.ts";
import type { Customer } from "./customer.ts";
import { type MerchantAddress, meet, readMerchantAddress } from "./meet.ts";

export class Acquaintances {
  readonly #customer: Customer;
  #isOpen = true;
  readonly #meetings = new Map<string, Promise<Acquaintance>>();
  /** By the address as it was given. */
  readonly #met = new Map<string, Acquaintance>();

  constructor(customer: Customer) {
    this.#customer = customer;
  }

  /** The merchant that was met at this very address, while its connection stands and both credentials hold. */
  met(address: string): Acquaintance | undefined {
    const merchant = this.#met.get(address);
    if (merchant !== undefined && this.#isGood(merchant)) return merchant;
    this.#met.delete(address);
    return undefined;
  }

  /** The merchant at this address, with or without its pin. Throws what meeting one throws. */
  async at(address: string): Promise<Acquaintance> {
    const place = readMerchantAddress(address);
    const merchant = await this.#meet(place);
    // Whoever answers at an address that somebody else has opened.
    if (place.pin !== undefined && place.pin !== merchant.credential.uid)
      throw new LeptaError("wrong-recipient", place.url);
    if (this.#met.size < limits.merchantsKept) this.#met.set(address, merchant);
    return merchant;
  }

  async #meet(place: MerchantAddress): Promise<Acquaintance> {
    const { url } = place;
    const before = this.#meetings.get(url);
    const known = await before?.catch(() => undefined);
    if (known !== undefined && this.#isGood(known)) return known;
    // Another call may have begun a new one meanwhile.
    const current = this.#meetings.get(url);
    if (current !== undefined && current !== before) return current;
    if (!this.#isOpen) throw new LeptaError("closed");
    // At once, so that the next session finds its lanes free, and resumes it.
    known?.session?.session.close("closed");
    known?.channel.close();
    const meeting = meet(this.#customer, place);
    this.#meetings.set(url, meeting);
    return meeting;
  }

  #isGood({ channel, session, ours, credential }: Acquaintance): boolean {
    if (!channel.isOpen || session?.session.isOpen === false) return false;
    const { link, runtime } = this.#customer.party;
    const trust = link.trust();
    const now = runtime.now();
    return !isOver(ours, trust, now) && !isOver(credential, trust, now);
  }

  /** Closes every connection in good order; one that is being opened is closed when it stands, and nobody waits for it. */
  async close(): Promise<void> {
    // What is taken up again in the background meets nobody any more.
    this.#isOpen = false;
    const meetings = [...this.#meetings.values()];
    this.#meetings.clear();
    this.#met.clear();
    const { runtime } = this.#customer.party;
    const patience = { callOff: (): void => {} };
    const overdue = new Promise<void>((resolve) => {
      patience.callOff = runtime.later(PATIENCE, resolve);
    });
    const left = meetings.map((meeting) =>
      meeting.then(
        (each) => this.#leave(each),
        () => undefined,
      ),
    );
    await Promise.race([Promise.all(left), overdue]);
    patience.callOff();
    for (const meeting of meetings)
      meeting.then(
        ({ channel }) => channel.close(),
        () => undefined,
      );
  }

  async #leave({ channel, session }: Acquaintance): Promise<void> {
    await session?.closeLanes(({ flight }) => flight.length === 0);
    session?.session.close("closed");
    channel.close();
  }
}

/** How long merchants may take to close lanes when the wallet is closed, in milliseconds. */
const PATIENCE = 2000;
