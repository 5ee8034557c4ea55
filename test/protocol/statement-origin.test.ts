import {
  checkRun,
  decodePayload,
  isRefusal,
  type LaneRun,
  makeScripId,
  orThrow,
  type Statement,
  statement,
} from "@lepta/protocol";
import { expect, test } from "vitest";
import { DAY, euro, fixed, now } from "../vectors/parties.ts";
import { laneRun } from "./receipts.ts";

const story = await laneRun();
const v0 = makeScripId(7, fixed("V0", 12));
const said: Statement = orThrow(decodePayload(statement, story.payload));

/** The run as its customer has it, of a lane on V0 itself or on what descends from it. */
const runOn = (origin: string | undefined): LaneRun => ({
  network: said.network,
  merchant: said.from,
  customer: said.customer,
  session: said.session,
  lane: said.lane,
  scrip: {
    version: 1,
    kind: "vendor",
    network: said.network,
    issuer: said.from,
    owner: said.customer,
    id: said.scrip,
    value: euro("1.00"),
    expiresAt: now + DAY,
    ...(origin === undefined ? {} : { origin }),
  },
  first: 1,
  last: 3,
  total: euro("0.04"),
  available: euro("1.00"),
  before: story.origin,
  elements: story.elements,
  previous: undefined,
});

test("a customer signs a statement only where it names the V0 that its lane's scrip descends from", () => {
  const naming = (origin: string): Statement => ({ ...said, origin });
  for (const [run, proposed, isRight] of [
    [runOn(undefined), said, true],
    [runOn(v0), naming(v0), true],
    [runOn(undefined), naming(v0), false],
    [runOn(v0), said, false],
    [runOn(v0), naming(makeScripId(7, fixed("another V0", 12))), false],
  ] as const) {
    const checked = checkRun(run, proposed);
    expect(isRefusal(checked) ? [checked.code, checked.detail] : undefined).toEqual(
      isRight ? undefined : ["wrong-reference", "origin"],
    );
  }
});
