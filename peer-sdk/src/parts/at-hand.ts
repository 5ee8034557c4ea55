/** The parts of a wallet that a page loads when it needs them: here at hand from the start. `#parts` for all but browsers. */
import * as lanesPart from "../customer/lanes/part.ts";
import * as returnsPart from "../customer/returns.ts";

/** Whether the parts are there without being loaded. */
export const areAtHand: boolean = true;

/** Sessions and the lanes in them. */
export const lanes = (): LanesPart | Promise<LanesPart> => lanesPart;
export type LanesPart = typeof lanesPart;

/** What brings money back, and keeps it good. */
export const returns = (): ReturnsPart | Promise<ReturnsPart> => returnsPart;
export type ReturnsPart = typeof returnsPart;
