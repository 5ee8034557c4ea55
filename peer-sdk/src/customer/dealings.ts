/** Dealings with merchants, in one part: `#parts`. */
export { connectWebSocket } from "#channel";
export { Outbox } from "../outbox.ts";
export { Acquaintances } from "./acquaintances.ts";
export { buy } from "./buy.ts";
export { recall } from "./buy-item.ts";
export { LaneBook } from "./lanes/book.ts";
export { keepRecorded, LOOK_EVERY, sendCopies } from "./lanes/copies.ts";
export { holdingId } from "./lanes/end.ts";
export { historyOnLanes, pendingOnLanes } from "./lanes/overview.ts";
export { recallFromLane, receiptOf, standingOf } from "./lanes/prove.ts";
export { reconnect } from "./lanes/reconnect.ts";
export { spendOnLane } from "./lanes/spend.ts";
export { askOffer } from "./meet.ts";
export { obtainVendorScrip } from "./obtain-vendorscrip.ts";
export { resumeAtBroker, resumeAtMerchants } from "./resume.ts";
export { SignerTable } from "./signers.ts";
export { spendAt } from "./spend.ts";
