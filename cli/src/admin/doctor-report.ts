/** What `doctor` found, line by line. */

import type { Paint, Report } from "../report.ts";
import type { Check } from "./check.ts";

/** Good where nothing is wrong; what could not be checked is said and is no fault. */
export function doctorReport(checks: readonly Check[], paint: Paint): Report {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const count = (state: Check["state"]): number => checks.filter((each) => each.state === state).length;
  const paints = { ok: paint.good, wrong: paint.bad, "not checked": paint.faint } as const;
  const lines = checks.flatMap(({ name, state, says, remedy }) => [
    `${paints[state](state.padEnd(11))}  ${name.padEnd(width)}  ${says}`,
    ...(remedy === undefined ? [] : [`${"".padEnd(11)}  ${"".padEnd(width)}  → ${remedy}`]),
  ]);
  const bad = count("wrong");
  const verdict =
    bad === 0
      ? paint.good(`Nothing is wrong: ${count("ok")} checks, ${count("not checked")} not checked.`)
      : paint.bad(`${bad} of ${checks.length} checks found something wrong.`);
  return { good: bad === 0, lines: [...lines, "", verdict], json: { good: bad === 0, checks } };
}
