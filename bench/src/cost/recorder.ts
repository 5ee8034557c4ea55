/** Counts what the functions of the embedded cloud do: their invocations, SDK calls, and what they print. */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Clients, type FunctionName, functions } from "@lepta/lambdas";
import { usageOf } from "./capacity.ts";
import { type CountName, type Counts, plus, zero } from "./counts.ts";
import { STORAGE_OVERHEAD } from "./item-size.ts";

/** One run of a function. */
export interface Invocation {
  readonly name: FunctionName;
  /** `POST /notices`, or the name of what runs by the clock. */
  readonly route: string;
  readonly counts: Counts;
}

/** MiB at which Lambda gives a function one whole core; with less it gets a part of one. */
export const CORE_MIB = 1769;

interface Running {
  readonly name: FunctionName;
  counts: Record<CountName, number>;
  /** SDK calls that wait for their answer. */
  waiting: number;
}

export class Recorder {
  readonly #running = new AsyncLocalStorage<Running>();
  readonly #sizes = new Map<string, number>();
  readonly #invocations: Invocation[] = [];
  readonly #metrics = new Set<string>();
  readonly #restore: () => void;

  /** From now on what functions print is counted and goes no further, until the recorder is closed. */
  constructor() {
    const restores = [process.stdout, process.stderr].map((stream) => this.#listen(stream));
    this.#restore = () => {
      for (const restore of restores) restore();
    };
  }

  close(): void {
    this.#restore();
  }

  /** All that was run so far, in its order. */
  get invocations(): readonly Invocation[] {
    return this.#invocations;
  }

  /** The custom metrics that were printed so far (embedded metric format), each with its dimensions. */
  get metrics(): ReadonlySet<string> {
    return this.#metrics;
  }

  /** Counts a function's requests to AWS. */
  watch(name: FunctionName, { dynamoDb, kms }: Clients): void {
    dynamoDb.middlewareStack.add(
      (next, context) => async (args) => {
        const command = context.commandName ?? "";
        const result = await this.#call(name, () => next(args)).catch((error: unknown) => {
          this.#dynamoDb(command, args.input, undefined);
          throw error;
        });
        this.#dynamoDb(command, args.input, result.output);
        return result;
      },
      { step: "initialize", name: "count" },
    );
    kms.middlewareStack.add(
      (next, context) => (args) => {
        const isAsymmetric = ASYMMETRIC.has(context.commandName ?? "");
        this.#count(isAsymmetric ? "kmsAsymmetric" : "kmsSymmetric", 1);
        return this.#call(name, () => next(args));
      },
      { step: "initialize", name: "count" },
    );
  }

  /** Runs a function once and counts it. */
  async run<T>(name: FunctionName, route: string, work: () => Promise<T>): Promise<T> {
    const running: Running = { name, counts: { ...zero }, waiting: 0 };
    // CPU time and not the clock's: what a function waits for here says nothing about AWS, and others use this machine.
    const start = process.cpuUsage();
    const result = await this.#running.run(running, work);
    const { user, system } = process.cpuUsage(start);
    const { memoryMiB } = functions[name];
    const share = Math.min(1, memoryMiB / CORE_MIB);
    const seconds = (user + system) / 1e6 / share;
    running.counts.invocations += 1;
    running.counts.gbSeconds += seconds * (memoryMiB / 1024);
    this.#invocations.push({ name, route, counts: running.counts });
    return result;
  }

  /** Counts something more of the function that runs. */
  add(counts: Counts): void {
    for (const [name, value] of Object.entries(counts)) this.#count(name as CountName, value);
  }

  /** Everything that was run during this. */
  async during(work: () => Promise<void>): Promise<readonly Invocation[]> {
    const before = this.#invocations.length;
    await work();
    return this.#invocations.slice(before);
  }

  #dynamoDb(command: string, input: unknown, output: unknown): void {
    const usage = usageOf(command, input, output, (item) => this.#sizes.get(item) ?? 0);
    this.#count("readUnits", usage.readUnits);
    this.#count("writeUnits", usage.writeUnits);
    if (output === undefined) return;
    for (const [item, size] of usage.left) {
      const before = this.#sizes.get(item) ?? 0;
      this.#count("storedBytes", stored(size) - stored(before));
      if (before === 0 && item.includes('"SPENT#')) this.#count("spends", 1);
      if (size === 0) this.#sizes.delete(item);
      else this.#sizes.set(item, size);
    }
  }

  /** Several that wait at once share the time that the function waits. */
  async #call<T>(name: FunctionName, work: () => Promise<T>): Promise<T> {
    const running = this.#running.getStore() ?? { waiting: 0 };
    running.waiting += 1;
    this.#count("sdkCalls", 1);
    this.#count("gbCalls", functions[name].memoryMiB / 1024 / running.waiting);
    try {
      return await work();
    } finally {
      running.waiting -= 1;
    }
  }

  #count(name: CountName, value: number): void {
    const running = this.#running.getStore();
    if (running !== undefined) running.counts[name] += value;
  }

  #listen(stream: NodeJS.WriteStream): () => void {
    const write = stream.write;
    const counting = (chunk: string | Uint8Array, ...rest: never[]): boolean => {
      const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
      // What the cloud runs by itself while it starts measures, too, and belongs to no flow.
      const isTelemetry = text.startsWith('{"_aws"');
      if (this.#running.getStore() === undefined && !isTelemetry) return write.call(stream, chunk, ...rest);
      this.#count("printedBytes", Buffer.byteLength(text));
      for (const metric of metricsOf(text)) this.#metrics.add(metric);
      const told = rest.at(-1) as unknown;
      if (typeof told === "function") told();
      return true;
    };
    stream.write = counting as typeof stream.write;
    return () => {
      stream.write = write;
    };
  }
}

/** All counts of these invocations together. */
export const totalOf = (invocations: readonly Invocation[]): Counts =>
  plus(...invocations.map(({ counts }) => counts));

const ASYMMETRIC = new Set(["SignCommand", "VerifyCommand", "GetPublicKeyCommand"]);

const stored = (size: number): number => (size === 0 ? 0 : size + STORAGE_OVERHEAD);

interface Emf {
  readonly _aws?: {
    readonly CloudWatchMetrics?: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string }[];
    }[];
  };
}

/** CloudWatch asks for each metric with each set of dimensions' values. */
function metricsOf(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => {
    if (!line.includes('"_aws"')) return [];
    const entry = JSON.parse(line) as Emf & Readonly<Record<string, unknown>>;
    return (entry._aws?.CloudWatchMetrics ?? []).flatMap(({ Namespace, Dimensions, Metrics }) =>
      Dimensions.flatMap((dimensions) =>
        Metrics.map(({ Name }) =>
          JSON.stringify([Namespace, Name, ...dimensions.map((each) => [each, entry[each]])]),
        ),
      ),
    );
  });
}
