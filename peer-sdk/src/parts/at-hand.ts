/** The parts of a wallet that a page loads when it needs them: here at hand from the start. `#parts` for all but browsers. */
import * as dealingsPart from "../customer/dealings.ts";
import * as returnsPart from "../customer/returns.ts";

/** Whether the parts are there without being loaded. */
export const areAtHand: boolean = true;

/** Dealings with merchants: what it takes to meet one, to buy there and to tell the broker. */
export const dealings = (): DealingsPart | Promise<DealingsPart> => dealingsPart;
export type DealingsPart = typeof dealingsPart;

/** What brings money back, and keeps it good. */
export const returns = (): ReturnsPart | Promise<ReturnsPart> => returnsPart;
export type ReturnsPart = typeof returnsPart;
