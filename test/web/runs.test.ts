import type { PassedMessage } from "@lepta/peer-sdk";
import { encodeCbor } from "@lepta/protocol";
import { RUNS_KEPT, Runs } from "@lepta/web/page/runs";
import { passedFromJson, passedToJson } from "@lepta/web/passed";
import { expect, test } from "vitest";

const uid = (letter: string): string => `${letter.repeat(42)}A`;
const [broker, merchant, customer] = [uid("B"), uid("M"), uid("C")] as const;
let clock = 0;

const passed = (type: string, from: string, to: string, txn?: string, bytes = [clock]): PassedMessage => {
  clock += 1;
  const message = { at: clock, type, from, to, bytes: encodeCbor(bytes) };
  return txn === undefined ? message : { ...message, txn };
};

const shown = (runs: Runs) =>
  runs.all.map(({ figure, messages }) => [
    figure,
    ...messages.map(({ place, from, to }) => `${place.number} ${from}→${to}`),
  ]);

test("messages of one transaction stand in their figure's order, whoever told of them first", () => {
  const runs = new Runs({ broker, merchant });
  for (const [type, from, to] of [
    ["vendorscrip-request", customer, merchant],
    ["vendorscrip-response", merchant, customer],
    ["brokerscrip-change", broker, customer],
    ["authorization-request", merchant, broker],
    ["authorization-response", broker, merchant],
    ["vendorscrip-intent", customer, broker],
  ] as const)
    expect(runs.add(passed(type, from, to, "t1"))).toBe(true);
  expect(shown(runs)).toEqual([
    [
      "8",
      "M0 Customer→Broker",
      "M1 Customer→Merchant",
      "M2 Merchant→Broker",
      "M3 Broker→Customer",
      "M4 Broker→Merchant",
      "M5 Merchant→Customer",
    ],
  ]);
});

test("what both sides tell of is drawn once", () => {
  const runs = new Runs({ broker, merchant });
  const message = passed("purchase-request", customer, merchant, "t1");
  expect(runs.add(message)).toBe(true);
  expect(runs.add({ ...message, at: message.at + 5, bytes: Uint8Array.from(message.bytes) })).toBe(false);
});

test("each purchase on a lane is a run of its own, and its answer finds it", () => {
  const runs = new Runs({ broker, merchant });
  for (const sequence of [1, 2]) runs.add(passed("laneBuy", customer, merchant, undefined, [3, 1, sequence]));
  for (const sequence of [1, 2])
    runs.add(passed("laneSold", merchant, customer, undefined, [4, 1, sequence]));
  expect(shown(runs)).toEqual([
    ["7", "M1 Customer→Merchant", "M2 Merchant→Customer"],
    ["7", "M1 Customer→Merchant", "M2 Merchant→Customer"],
  ]);
});

test("a greeting that names nobody goes from customer to merchant", () => {
  const runs = new Runs({ broker, merchant });
  runs.add(passed("hello", customer, "A".repeat(43), "t1"));
  runs.add(passed("laneFault", "", customer));
  expect(shown(runs).map(([, message]) => message)).toEqual([
    "undefined Customer→Merchant",
    "undefined Merchant→Customer",
  ]);
});

test("only the last runs are kept", () => {
  const runs = new Runs({ broker, merchant });
  for (let i = 0; i < RUNS_KEPT + 5; i += 1) runs.add(passed("offer-request", customer, merchant, `t${i}`));
  expect(runs.all).toHaveLength(RUNS_KEPT);
  expect(runs.all.at(-1)?.messages[0]?.passed.txn).toBe(`t${RUNS_KEPT + 4}`);
});

test("a message is the same after its way as a line of JSON", () => {
  const message = passed("offer", merchant, "", "t1", [1, 2, 3]);
  expect(passedFromJson(passedToJson(message))).toEqual(message);
  const large = { ...message, bytes: new Uint8Array(100_000).fill(0xfb) };
  expect(passedFromJson(passedToJson(large))).toEqual(large);
});

test("a line that tells no message is none", () => {
  for (const line of [
    "",
    "null",
    "[]",
    '{"at":1}',
    passedToJson(passed("offer", "nobody", merchant)),
    passedToJson(passed("offer", merchant, "")).replace(/"bytes":"/, '"bytes":"%'),
  ])
    expect(passedFromJson(line), line).toBeUndefined();
});
