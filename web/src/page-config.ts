/** What the server tells the page: where it pays, and what there is to buy. */

export interface Article {
  readonly sku: string;
  /** `"EUR 0.02"`. */
  readonly price: string;
  readonly title: string;
  readonly teaser: string;
  /** Of the newspaper: `"Science"`. */
  readonly section: string;
}

export interface PageConfig {
  /** The broker's pinned address. */
  readonly broker: string;
  /** The merchant's address, pinned to its UID. */
  readonly merchant: string;
  readonly articles: readonly Article[];
}
