/** The broker's table: items under a partition and a sort key, and commits that happen whole or not at all. */

/** A bigint is money; a number is a time, a count or a serial. A store may give either back: `items.ts` tells them apart. */
export type Attribute = string | number | bigint | Uint8Array;
export type Item = Readonly<Record<string, Attribute>>;

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** What must hold of the item as it stands, or the whole commit does not happen. `undefined` means: has no such attribute. */
export type Expectation = "any" | "absent" | "present" | Readonly<Record<string, Attribute | undefined>>;

export type Write =
  | { readonly put: Item; readonly at: Key; readonly expect: Expectation }
  | { readonly remove: true; readonly at: Key; readonly expect: Expectation };

export interface Page {
  readonly items: readonly { readonly key: Key; readonly item: Item }[];
  /** Where the next page begins, when there is one. */
  readonly next?: string;
}

export interface Store {
  /** All as of one moment, after every commit before it; in the order of the keys. At most 100 different keys. */
  get(keys: readonly Key[]): Promise<readonly (Item | undefined)[]>;
  /** Strongly consistent, in the order of the sort keys, those that begin with the prefix. */
  list(
    pk: string,
    options?: { readonly prefix?: string; readonly limit?: number; readonly after?: string },
  ): Promise<Page>;
  /** All writes or none; `moved` where an expectation did not hold. At most 100 writes of different items. */
  commit(writes: readonly Write[]): Promise<"committed" | "moved">;
}

/** The store was asked as often as it may be and neither took nor refused: nothing is known to be decided. */
export class StoreBusy extends Error {
  constructor(options?: ErrorOptions) {
    super("the store is busy", options);
    this.name = "StoreBusy";
  }
}

/** An item has an attribute of a kind that no store of ours writes: our own table is damaged. */
export class UnreadableItem extends Error {
  constructor(attribute: string) {
    super(`an item of the table has an attribute of an unknown kind: ${attribute}`);
    this.name = "UnreadableItem";
  }
}
