/** A V0 and all that descends from it: what is live in it, what was charged under it, and its lock. */
import {
  type Amount,
  add,
  isRefusal,
  LeptaError,
  limits,
  originOf,
  type ScripBody,
  type Uid,
} from "@lepta/protocol";
import type { Change } from "../ports.ts";
import { type LineRecord, lineId } from "./records.ts";
import type { Shop } from "./shop.ts";

/**
 * The line of a scrip that somebody shows, by what the scrip says of itself: to be locked before that is checked. One that
 * lies about it is not genuine, and nothing happens to it.
 */
export const shownLine = (owner: Uid, shown: ScripBody): string => lineId(owner, originOf(shown));

/** Nothing else happens to this line meanwhile. */
export const withLine = <T>(shop: Shop, id: string, work: () => Promise<T>): Promise<T> =>
  shop.lock.run(`line/${id}`, work);

/** The line of a scrip that we made. */
export async function lineOf({ tables }: Shop, id: string): Promise<LineRecord> {
  const line = await tables.lines.get(id);
  if (line === undefined) throw new LeptaError("store-damaged", `there is no line ${id}`);
  return line;
}

/** What a spending does to a line. */
export interface LineStep {
  /** Absent where a lane goes on: its scrip pays for more. */
  readonly spent?: string | undefined;
  readonly change?: string | undefined;
  readonly charged?: Amount;
  /** The purchase that was charged, as its owner signed it. */
  readonly signed?: Uint8Array;
}

/** The change to a line when one of its scrips was spent. */
export function steppedLine({ tables }: Shop, id: string, line: LineRecord, step: LineStep): Change {
  const { spent, change, charged, signed } = step;
  const live = line.live.filter((each) => each !== spent);
  const sold = charged === undefined ? line.sold : add(line.sold, charged);
  if (isRefusal(sold)) throw new LeptaError(sold.code, `more was sold under ${id} than it was worth`);
  return tables.lines.put(id, {
    ...line,
    live: change === undefined ? live : [...live, change],
    sold,
    ...(signed === undefined ? {} : { latest: signed }),
  });
}

/** Whether a line may get another live scrip. */
export const hasRoom = ({ live }: LineRecord): boolean => live.length < limits.holdings;
