/** Figures from rounds, as one JSON object and as tables for people. */
import { cpus } from "node:os";
import type { Memory } from "./calls.ts";
import type { Round, RunResult } from "./rounds.ts";
import { median, spread } from "./statistics.ts";
import {
  FIGURE4_SCRIPS,
  type Measurement,
  ON_DISK,
  PIPELINED,
  type SubjectName,
  subjectNames,
} from "./subject.ts";

/** Medians over the rounds. */
interface Figures {
  /** Exchanges per second with both ends on one core, as the clock has it. */
  readonly perCore: number;
  /** CPU time for one exchange in microseconds: of both ends, and of the merchant's alone. */
  readonly cpuUs: number;
  readonly merchantCpuUs: number;
  readonly p50us: number;
  readonly p99us: number;
  /** Largest less smallest `perCore`, as a part of the median. */
  readonly spread: number;
}

/** What is compared with what: of rates, and of waiting. */
const rateRatios = {
  statementVsSessionEcho: ["statement", "sessionEcho"],
  statementVsEcho: ["statement", "echo"],
  pipelinedVsEcho: ["statementPipelined", "echoPipelined"],
  statementVsFigure4OpenSSL: ["statement", "figure4OpenSSL"],
  pipelinedVsFigure4OpenSSL: ["statementPipelined", "figure4OpenSSLPipelined"],
  pipelinedVsFigure4Forge: ["statementPipelined", "figure4Forge"],
  eachVsFigure4OpenSSL: ["each", "figure4OpenSSL"],
  durableVsVolatile: ["statementDurable", "statementVolatile"],
} as const satisfies Readonly<Record<string, readonly [SubjectName, SubjectName]>>;
const paidHttp = [
  "httpSession",
  "httpSessionDurable",
  "httpCharge",
] as const satisfies readonly SubjectName[];
type PaidHttp = (typeof paidHttp)[number];

type RateRatio = keyof typeof rateRatios;
const rateNames = Object.keys(rateRatios) as readonly RateRatio[];

type RateRatios = Readonly<Record<RateRatio, number>>;

interface Ratios extends RateRatios {
  readonly p50VsSessionEcho: number;
  readonly p99VsSessionEcho: number;
  /** Of resident memory. */
  readonly idleVsBare: number;
  readonly spend10MVs10k: number;
}

export type Report = Readonly<Record<SubjectName, Figures>> & {
  /** Medians of each round's own ratio. */
  readonly ratios: Ratios;
  /** Largest less smallest of each round's own, as a part of the median. */
  readonly ratiosSpread: Omit<Ratios, "idleVsBare" | "spend10MVs10k">;
  /** The same by the CPU time of both ends: what else the machine does falls out, and so does waiting for the disk. */
  readonly ratiosByCpu: RateRatios;
  /** On the wire, notices included, with one under way on a connection; and with sixteen. */
  readonly bytesPerPurchase: number;
  readonly bytesPerPurchasePipelined: number;
  readonly bytes: {
    readonly toMerchant: number;
    readonly fromMerchant: number;
    readonly toBroker: number;
    /** The WebSocket messages of one purchase. */
    readonly request: number;
    readonly response: number;
  };
  /** Resident memory of a merchant for each idle session, and of a bare server for each idle connection. */
  readonly idleConnectionBytes: number;
  readonly idleBareBytes: number;
  /** The same of the heap alone. */
  readonly idleHeap: { readonly session: number; readonly bare: number; readonly ratio: number };
  readonly spentTable10MBytes: number;
  /** Milliseconds of its server's CPU that a paid request takes more than the same unpaid: medians of each round's own. */
  readonly paidHttpAddsMs: Readonly<Record<PaidHttp, number>>;
  readonly rounds: number;
  readonly secondsPerMeasurement: number;
  readonly connections: number;
  readonly pinned: boolean;
  readonly node: string;
  readonly cpu: string;
};

export interface Circumstances {
  readonly seconds: number;
  readonly connections: number;
  readonly pinned: boolean;
}

export function reportOf(result: RunResult, circumstances: Circumstances): Report {
  const { rounds, bytes, bytesPipelined, idle, outstanding } = result;
  const { seconds, connections, pinned } = circumstances;
  const figures = Object.fromEntries(subjectNames.map((name) => [name, figuresOf(rounds, name)]));
  const perRound = ratiosOf(rounds);
  const { p50VsSessionEcho, p99VsSessionEcho } = perRound;
  return {
    ...(figures as Readonly<Record<SubjectName, Figures>>),
    ratios: {
      ...ratesBy((name) => median(perRound[name])),
      p50VsSessionEcho: significant(median(p50VsSessionEcho)),
      p99VsSessionEcho: significant(median(p99VsSessionEcho)),
      idleVsBare: significant(idle.ratio.resident),
      spend10MVs10k: significant(outstanding.spend10MVs10k),
    },
    ratiosSpread: {
      ...ratesBy((name) => spread(perRound[name])),
      p50VsSessionEcho: significant(spread(p50VsSessionEcho)),
      p99VsSessionEcho: significant(spread(p99VsSessionEcho)),
    },
    ratiosByCpu: ratesBy((name) => {
      const [ours, theirs] = rateRatios[name];
      return median(rounds.map((round) => cpuOf(round[theirs]) / cpuOf(round[ours])));
    }),
    bytesPerPurchase: significant(bytes.perPurchase),
    bytesPerPurchasePipelined: significant(bytesPipelined.perPurchase),
    bytes: {
      toMerchant: significant(bytes.toMerchant),
      fromMerchant: significant(bytes.fromMerchant),
      toBroker: significant(bytes.toBroker),
      ...bytes.frames,
    },
    idleConnectionBytes: Math.round(idle.session.resident),
    idleBareBytes: Math.round(idle.bare.resident),
    idleHeap: heapsOf(idle.session, idle.bare, idle.ratio),
    spentTable10MBytes: outstanding.spentTable10MBytes,
    paidHttpAddsMs: Object.fromEntries(
      paidHttp.map((name) => [name, significant(median(rounds.map((round) => addsMs(round, name))))]),
    ) as Record<PaidHttp, number>,
    rounds: rounds.length,
    secondsPerMeasurement: seconds,
    connections,
    pinned,
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
  };
}

const heapsOf = (session: Memory, bare: Memory, ratio: Memory): Report["idleHeap"] => ({
  session: Math.round(session.heap),
  bare: Math.round(bare.heap),
  ratio: significant(ratio.heap),
});

const addsMs = ({ httpUnpaid, ...round }: Round, name: PaidHttp): number =>
  (round[name].serverCpu - httpUnpaid.serverCpu) / 1000;

const cpuOf = ({ serverCpu, customerCpu }: Measurement): number => serverCpu + customerCpu;

function figuresOf(rounds: readonly Round[], name: SubjectName): Figures {
  const all = rounds.map((round) => round[name]);
  const middle = (of: (each: Measurement) => number) => significant(median(all.map(of)));
  return {
    perCore: middle(({ perCore }) => perCore),
    cpuUs: middle(cpuOf),
    merchantCpuUs: middle(({ serverCpu }) => serverCpu),
    p50us: middle(({ p50 }) => p50),
    p99us: middle(({ p99 }) => p99),
    spread: significant(spread(all.map(({ perCore }) => perCore))),
  };
}

const ratesBy = (of: (name: RateRatio) => number): RateRatios => forRates((name) => significant(of(name)));

const forRates = <T>(of: (name: RateRatio) => T): Readonly<Record<RateRatio, T>> =>
  Object.fromEntries(rateNames.map((name) => [name, of(name)])) as unknown as Record<RateRatio, T>;

type PerRound = Readonly<Record<RateRatio | "p50VsSessionEcho" | "p99VsSessionEcho", readonly number[]>>;

/** Each round's own ratios. */
const ratiosOf = (rounds: readonly Round[]): PerRound => ({
  ...forRates((name) => {
    const [ours, theirs] = rateRatios[name];
    return rounds.map((round) => round[ours].perCore / round[theirs].perCore);
  }),
  p50VsSessionEcho: rounds.map(({ statement, sessionEcho }) => statement.p50 / sessionEcho.p50),
  p99VsSessionEcho: rounds.map(({ statement, sessionEcho }) => statement.p99 / sessionEcho.p99),
});

const each16 = `${PIPELINED} under way on each connection`;
const explanations: Readonly<Record<SubjectName, string>> = {
  echo: "the floor: bare ws messages of the same sizes, no payment",
  sessionEcho: "the same bytes inside the encrypted session that purchases go through",
  statement: "figure 7 on lanes, signed for together every so often; the SDK's own wallets buy",
  each: "figure 7 with M1 and M2 signed by themselves, in a session; a lean customer buys",
  figure4OpenSSL:
    "the paper's own algorithms (RSA-1024, SHA-1, AES-192-CBC) on OpenSSL; a lean customer buys",
  figure4Forge: "the same bytes on node-forge, the suite figure-4 as it is shipped",
  echoPipelined: `the bare echo with ${each16}, one message to a frame`,
  statementPipelined: `lanes with ${each16}`,
  figure4OpenSSLPipelined: `figure 4 on OpenSSL with ${FIGURE4_SCRIPS} under way on each connection, each of a scrip of its own`,
  statementVolatile: `lanes with ${ON_DISK} under way in all, the merchant's store in memory`,
  statementDurable: `the same with every purchase on the merchant's disk before its answer leaves`,
  httpUnpaid: "a request over HTTP to a small handler of node:http; nothing is paid",
  httpSession:
    "the same behind a paywall: 402, a purchase on the wallet's open lane, the request again with its credential",
  httpSessionDurable: "the same with the answer and the purchase on the merchant's disk before they leave",
  httpCharge: "the same with M1 in the credential and M2 in the receipt, signed by themselves",
};

/** The report for people: tables, and how to read them. */
export function describe(report: Report): string {
  const { connections, rounds, secondsPerMeasurement, pinned } = report;
  const isUnsteady = subjectNames.some((name) => report[name].spread > UNSTEADY);
  return [
    `One merchant, ${connections} customers with one purchase under way each where nothing else is said; ${rounds} rounds of ` +
      `${secondsPerMeasurement} s, medians. Node ${report.node}, ${report.cpu}.`,
    "",
    ...figuresTable(report),
    "",
    ...subjectNames.map((name) => `${name.padEnd(NAME_WIDTH)}  ${explanations[name]}`),
    "",
    pinned
      ? "per core: exchanges per second where merchant and customers share one core, so both ends' work counts (taskset)."
      : "per core: NOT pinned, because there is no taskset here; the echo is then unsteady and so are its ratios.",
    "CPU µs: both ends' for one exchange, and the merchant's alone; waiting for the disk is not in it.",
    "p50, p99: as a customer waits, the other customers' turns on the core included.",
    "spread: largest less smallest, as a part of the median.",
    "A purchase is the whole of it: decoded, authenticated, checked for double spending, paid from what remains, chained,",
    "answered under encryption, noted for the broker. The wallets keep what a wallet keeps, so their end costs more than an",
    "echo's. All stores are in memory but those of merchants named durable. Notices and statements go to the broker between the",
    "measurements, and in the end customers, merchant and broker agreed on every purchase.",
    ...(isUnsteady
      ? ["Something else was running: with a spread like this, run it again before believing it."]
      : []),
    "",
    ...ratiosTable(report),
    "",
    ...bytesLines(report),
    "",
    ...httpLines(report),
  ].join("\n");
}

const NAME_WIDTH = 23;

function bytesLines(report: Report): readonly string[] {
  const { bytes, idleHeap, ratios } = report;
  const whole = (value: number) => value.toFixed(0);
  return [
    `On the wire a purchase takes ${report.bytesPerPurchase.toFixed(1)} bytes (${report.bytesPerPurchasePipelined.toFixed(1)} with ` +
      `${PIPELINED} under way): ${bytes.toMerchant.toFixed(1)} to the merchant, ${bytes.fromMerchant.toFixed(1)} back,`,
    `${bytes.toBroker.toFixed(1)} to the broker; from the lane's opening to its closing, all of TCP's payload counted.`,
    `An idle session takes ${whole(report.idleConnectionBytes)} bytes of its merchant's memory, a bare connection ` +
      `${whole(report.idleBareBytes)}: ${short.format(ratios.idleVsBare)}× (of the heap alone ${whole(idleHeap.session)} and ` +
      `${whole(idleHeap.bare)}: ${short.format(idleHeap.ratio)}×).`,
    `With 10 million scrips outstanding spending one takes ${short.format(ratios.spend10MVs10k)}× as long as with 10 thousand, ` +
      `and their table ${whole(report.spentTable10MBytes / 1e6)} MB.`,
  ];
}

function httpLines({ paidHttpAddsMs: adds }: Report): readonly string[] {
  const ms = (name: PaidHttp) => `${adds[name].toFixed(2)} ms`;
  return [
    `A paid request over HTTP takes ${ms("httpSession")} of its server's CPU more than the same unpaid, on a session that is open ` +
      "(1 ms at most is the aim);",
    `${ms("httpSessionDurable")} with its merchant's store on disk, ${ms("httpCharge")} signed by itself.`,
  ];
}

function figuresTable(report: Report): readonly string[] {
  const rows = subjectNames.map((name) => {
    const { perCore, cpuUs, merchantCpuUs, p50us, p99us, spread: apart } = report[name];
    const numbers = [perCore, cpuUs, merchantCpuUs, p50us, p99us].map((value) => short.format(value));
    return [name, ...numbers, percent(apart)];
  });
  return table([["", "per core", "CPU µs", "merchant's", "p50 µs", "p99 µs", "spread"], ...rows]);
}

function ratiosTable({ ratios, ratiosSpread, ratiosByCpu }: Report): readonly string[] {
  const times = (value: number) => `${short.format(value)}×`;
  const rates = rateNames.map((name) => {
    const [ours, theirs] = rateRatios[name];
    return [
      `${ours} ÷ ${theirs}`,
      times(ratios[name]),
      percent(ratiosSpread[name]),
      times(ratiosByCpu[name]),
    ];
  });
  const waits = (["p50VsSessionEcho", "p99VsSessionEcho"] as const).map((name) => [
    `${name.slice(0, 3)} of statement ÷ sessionEcho`,
    times(ratios[name]),
    percent(ratiosSpread[name]),
    "",
  ]);
  return table([["", "ratio", "spread", "by CPU"], ...rates, ...waits]);
}

const percent = (value: number): string => `${(value * 100).toFixed(0)} %`;

/** Lines with the first column to the left and the others to the right. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(width(0)) : cell.padStart(width(column))))
      .join("  "),
  );
}

/** A spread from which on the figures say more about the machine than about us. */
const UNSTEADY = 0.25;

const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const significant = (value: number): number => Number(value.toPrecision(5));
