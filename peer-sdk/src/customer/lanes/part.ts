/** Sessions and the lanes in them, in one part: `#parts`. */
export { LaneBook } from "./book.ts";
export { keepRecorded, LOOK_EVERY, sendCopies } from "./copies.ts";
export { holdingId } from "./end.ts";
export { openSession } from "./open-session.ts";
export { historyOnLanes, pendingOnLanes } from "./overview.ts";
export { recallFromLane, receiptOf } from "./prove.ts";
export { reconnect } from "./reconnect.ts";
export { resumeLeft } from "./resume.ts";
export { spendOnLane } from "./spend.ts";
