/** For those who look on while items pass in a session. */
import type { Watch } from "../../watch.ts";

/** Tells of the items of a session with this peer; what stands in signed messages is told of as such. */
export function tellItem(
  watch: Watch,
  now: () => number,
  ours: string,
  peer: string,
): (isOurs: boolean, item: Uint8Array) => void {
  return (isOurs, item) => {
    const type = ITEMS[item[1] ?? 0];
    if (type === undefined) return;
    const [from, to] = isOurs ? [ours, peer] : [peer, ours];
    watch({ at: now(), from, to, type, bytes: item });
  };
}

/** The items of docs/protocol.md section 13 by their numbers, but for heartbeats and signed messages. */
const ITEMS: Readonly<Record<number, string>> = {
  1: "laneOpen",
  2: "laneOpened",
  3: "laneBuy",
  4: "laneSold",
  5: "laneRefused",
  7: "laneClose",
  10: "sessionClose",
  11: "laneResume",
  12: "laneJoined",
  13: "laneFault",
  14: "statementProposal",
  15: "statementSigned",
  16: "statementsRecorded",
};
