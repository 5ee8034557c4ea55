/** A peer that is customer and merchant at once, on one identity. */
import { Merchant, type ShopOptions } from "./merchant/merchant.ts";
import { Outbox } from "./outbox.ts";
import { openParty, type Party, type PartyOptions } from "./party.ts";
import { Wallet, type WalletOptions } from "./wallet.ts";

/** A customer and merchant at once, on one identity and in one directory. */
export class Peer {
  /** Its wallet. */
  readonly wallet: Wallet;
  /** Its merchant. */
  readonly merchant: Merchant;
  readonly #party: Party;
  readonly #outbox: Outbox;

  private constructor(party: Party, outbox: Outbox, wallet: Wallet, merchant: Merchant) {
    this.#party = party;
    this.#outbox = outbox;
    this.wallet = wallet;
    this.merchant = merchant;
  }

  /** Opens one directory for both roles. Throws what opening a wallet or a merchant throws. */
  static async open(options: PartyOptions & WalletOptions & ShopOptions): Promise<Peer> {
    const party = await openParty(options);
    try {
      const outbox = await Outbox.open(party);
      const merchant = await Merchant.of(party, outbox, options);
      return new Peer(party, outbox, await Wallet.of(party, outbox, options), merchant);
    } catch (error) {
      await party.store.close();
      throw error;
    }
  }

  /** The UID of both. */
  get uid(): string {
    return this.#party.identity.uid;
  }

  /** Closes both and the store. */
  async close(): Promise<void> {
    await this.merchant.close();
    await this.wallet.close();
    this.#outbox.close();
    await this.#party.store.close();
  }
}
