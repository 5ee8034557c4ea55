/** The parts of a wallet that a page loads when it needs them: `#parts` in browsers. Each throws `unreachable` where it cannot be loaded. */
import { brought } from "./brought.ts";

/** Whether the parts are there without being loaded. */
export const areAtHand: boolean = false;

/** Dealings with merchants: what it takes to meet one, to buy there and to tell the broker. */
export const dealings = () => brought(() => import("../customer/dealings.ts"));

/** What brings money back, and keeps it good. */
export const returns = () => brought(() => import("../customer/returns.ts"));
