/** One item, what it must be compared with, and what is wrong with them as of one moment. */
import type { Item, Key } from "../../ports/store.ts";
import type { FindingName } from "./findings.ts";

/** The items that were asked for, as they stand. */
export type Around = (key: Key) => Item | undefined;

export interface Look {
  /** What must be read together with the item: with it at most 100 items. */
  readonly needs: readonly Key[];
  /** Every commit keeps what is checked here, so it holds of all items of one moment. Throws where one is unreadable. */
  readonly judge: (around: Around) => readonly FindingName[];
}

/** Looks at an item alone. */
export const alone = (...names: readonly FindingName[]): Look => ({ needs: [], judge: () => names });

/** The findings whose condition holds. */
export const found = (...each: readonly (readonly [FindingName, boolean])[]): readonly FindingName[] =>
  each.filter(([, isWrong]) => isWrong).map(([name]) => name);
