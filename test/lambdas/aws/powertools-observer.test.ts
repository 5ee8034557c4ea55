import { type PowertoolsOptions, powertoolsObserver } from "@lepta/lambdas/aws/powertools-observer";
import { metric, metricNamespace, stages } from "@lepta/lambdas/metrics";
import { amountOf } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { memoryBroker } from "../../support/broker.ts";
import { authorise, enrolledPeer, euro, makeSale } from "../../support/peer.ts";

/** One metric of a line, with its dimensions' values. */
interface Shown {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly dimensions: Readonly<Record<string, string>>;
}

interface Emf extends Readonly<Record<string, unknown>> {
  readonly _aws: {
    readonly Timestamp: number;
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
}

let lines: string[];
/** What Powertools' logger has written. */
let logged: string[];

beforeEach(() => {
  lines = [];
  logged = [];
  const keep = (chunk: unknown): boolean => logged.push(String(chunk)) > 0;
  vi.spyOn(process.stdout, "write").mockImplementation(keep);
  vi.spyOn(process.stderr, "write").mockImplementation(keep);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

function observed(options: Partial<PowertoolsOptions> = {}) {
  let time = 0;
  return powertoolsObserver({
    namespace: metricNamespace("test"),
    service: "authorise",
    clock: () => {
      time += 1.25;
      return time;
    },
    write: (line) => void lines.push(line),
    ...options,
  });
}

/** What CloudWatch makes of the lines. */
const shown = (): readonly Shown[] =>
  lines.flatMap((line) => {
    const emf = JSON.parse(line) as Emf;
    return emf._aws.CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) => {
      expect(Namespace).toBe("Lepta/test");
      expect(Dimensions).toHaveLength(1);
      const dimensions = Object.fromEntries((Dimensions[0] ?? []).map((name) => [name, String(emf[name])]));
      return Metrics.map(({ Name: name, Unit: unit }) => ({
        name,
        unit,
        value: emf[name] as number,
        dimensions,
      }));
    });
  });

const service = "authorise";

describe("metrics", () => {
  test("have their name, unit, value and dimensions; money is in the major unit", async () => {
    const observer = observed();
    await observer.invocation("POST /authorise", async () => {
      observer.money("issued", euro("1.25"));
      observer.money("redeemed", euro("0.02"));
      observer.money("paidOut", amountOf("EUR", 1n));
      observer.money("authorised", euro("0.10"));
      observer.money("authorised", euro("0.20"));
      observer.money("liveBrokerScrip", amountOf("EUR", 0n));
      observer.money("owedToMerchants", euro("7.00"));
      for (const name of ["doubleSpends", "faults", "leftOpen", "leftOpen"] as const) observer.count(name, 1);
      observer.count("findings", 0);
      observer.measure("keyLifeLeft", 86_400_000);
    });
    const dimensions = { service };
    const none = { unit: "None", dimensions };
    const count = { unit: "Count", dimensions };
    expect(shown()).toEqual([
      { name: "Issued", value: 1.25, ...none },
      { name: "Redeemed", value: 0.02, ...none },
      { name: "PaidOut", value: 0.000001, ...none },
      { name: "Authorised", value: 0.3, ...none },
      { name: "LiveBrokerScrip", value: 0, ...none },
      { name: "OwedToMerchants", value: 7, ...none },
      { name: "DoubleSpendAttempts", value: 1, ...count },
      { name: "Faults", value: 1, ...count },
      { name: "LeftOpen", value: 2, ...count },
      { name: "Findings", value: 0, ...count },
      { name: "KeyLifeLeft", value: 86_400_000, unit: "Milliseconds", dimensions },
    ]);
    expect(lines).toHaveLength(1);
  });

  test("of refusals have a dimension more, and leave in as few lines as the format allows", async () => {
    const observer = observed();
    await observer.invocation("POST /authorise", async () => {
      await observer.timed("receive", async () => {});
      await observer.timed("settle", async () => {});
      await observer.timed("settle", async () => {});
      await observer.timed("answer", async () => {});
      observer.refused("expired");
      observer.refused("scrip-spent");
      observer.refused("expired");
      observer.money("authorised", euro("0.10"));
    });
    const unit = "Milliseconds";
    expect(shown()).toHaveLength(6);
    expect(shown()).toEqual(
      expect.arrayContaining([
        { name: "ReceiveTime", unit, value: 1.25, dimensions: { service } },
        { name: "SettleTime", unit, value: 2.5, dimensions: { service } },
        { name: "AnswerTime", unit, value: 1.25, dimensions: { service } },
        { name: "Refused", unit: "Count", value: 2, dimensions: { service, code: "expired" } },
        { name: "Refused", unit: "Count", value: 1, dimensions: { service, code: "scrip-spent" } },
        { name: "Authorised", unit: "None", value: 0.1, dimensions: { service } },
      ]),
    );
    // A line holds a name once: two codes are two lines, and everything else rides along.
    expect(lines).toHaveLength(2);
  });

  test("are those of the table of names and no others", async () => {
    const observer = observed();
    await observer.invocation("all", async () => {
      const money = [
        "issued",
        "redeemed",
        "paidOut",
        "authorised",
        "liveBrokerScrip",
        "owedToMerchants",
      ] as const;
      for (const name of money) observer.money(name, euro("1.00"));
      for (const name of [
        "doubleSpends",
        "faults",
        "leftOpen",
        "findings",
        "kmsCalls",
        "kmsThrottles",
      ] as const)
        observer.count(name, 1);
      observer.measure("keyLifeLeft", 1);
      observer.refused("busy");
      for (const stage of stages) await observer.timed(stage, async () => {});
    });
    expect(new Set(shown().map(({ name }) => name))).toEqual(new Set(Object.values(metric)));
  });

  test("leave once at the end of an invocation, also when it throws, and are forgotten then", async () => {
    const observer = observed();
    const failing = observer.invocation("finish", async () => {
      await expect(observer.timed("settle", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
      expect(lines).toEqual([]);
      observer.count("faults", 1);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(shown().map(({ name }) => name)).toEqual(["SettleTime", "Faults"]);
    expect(lines).toHaveLength(1);
    await observer.invocation("finish", async () => {});
    expect(lines).toHaveLength(1);
  });

  test("of invocations that overlap stay apart", async () => {
    const observer = observed();
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const first = observer.invocation("a", async () => {
      await gate;
      observer.count("findings", 1);
    });
    await observer.invocation("b", async () => observer.count("findings", 2));
    expect(shown().map(({ value }) => value)).toEqual([2]);
    go();
    await first;
    expect(shown().map(({ value }) => value)).toEqual([2, 1]);
  });

  test("that cannot be written fail no request, and are told as a fault", async () => {
    const write = (): never => {
      throw new RangeError("no space for NL91ABNA0417164300");
    };
    const observer = observed({ write });
    const answer = observer.invocation("POST /redeem", async () => {
      observer.money("redeemed", euro("1.00"));
      return "answered";
    });
    await expect(answer).resolves.toBe("answered");
    expect(logged.join("")).toContain("RangeError at ");
    expect(logged.join("")).not.toContain("NL91ABNA0417164300");
  });
});

describe("log lines", () => {
  const entry = {
    route: "POST /redeem",
    outcome: "internal",
    fault: "TypeError at get (store.ts:1:2)",
    count: 3,
  };

  test("of faults hold kind, place and the request's id; other outcomes are no line unless asked for", () => {
    const observer = observed();
    observer.log({ ...entry, requestId: "JKJaXmPLvHcESHA=" });
    observer.log({ route: "POST /redeem", outcome: "expired" });
    observer.log({ route: "POST /redeem", outcome: "answered" });
    expect(logged).toHaveLength(1);
    const { timestamp, sampling_rate, ...line } = JSON.parse(logged[0] ?? "") as Record<string, unknown>;
    expect(line).toEqual({
      level: "ERROR",
      message: "internal",
      service,
      route: "POST /redeem",
      fault: entry.fault,
      count: 3,
      requestId: "JKJaXmPLvHcESHA=",
    });
    expect([typeof timestamp, sampling_rate]).toEqual(["string", 0]);
    vi.stubEnv("LEPTA_LOG", "info");
    observer.log({ route: "POST /redeem", outcome: "expired" });
    observer.log({ route: "POST /redeem", outcome: "answered" });
    expect(logged).toHaveLength(2);
  });

  test("name the trace", () => {
    vi.stubEnv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
    observed().log(entry);
    expect(JSON.parse(logged[0] ?? "")).toMatchObject({
      xray_trace_id: "1-5759e988-bd862e3fe1be46a994272793",
    });
  });

  test("hold no field that is not on the list, whatever they are given", () => {
    const given = {
      ...entry,
      account: "NL91",
      secret: "s3cret",
      error: new Error("s3cret"),
      message: "s3cret",
    };
    observed().log(given);
    expect(Object.keys(JSON.parse(logged[0] ?? "")).sort()).toEqual(
      ["count", "fault", "level", "message", "route", "sampling_rate", "service", "timestamp"].sort(),
    );
    expect(logged.join("")).not.toMatch(/s3cret|NL91/);
  });
});

test("segments go by the names of routes and stages", async () => {
  const spans: string[] = [];
  const tracing = {
    span: <T>(name: string, work: () => Promise<T>) => {
      spans.push(name);
      return work();
    },
    capture: () => {},
  };
  const broker = await memoryBroker({ observer: observed({ tracing }) });
  const alice = await enrolledPeer(broker, "alice");
  const shop = await enrolledPeer(broker, "shop");
  const held = await alice.fund(euro("1.00"));
  spans.length = 0;
  lines.length = 0;
  const sale = await makeSale(alice, shop, broker.runtime.now(), { amount: euro("0.10"), held });
  spans.length = 0;
  await authorise(broker, sale);
  const names = ["POST /authorise", "receive", "settle", "answer", "GET /keys"];
  expect([...new Set(spans)].sort()).toEqual([...names].sort());
  expect(shown()).toContainEqual({ name: "Authorised", unit: "None", value: 0.1, dimensions: { service } });
});
