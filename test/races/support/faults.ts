/** What goes wrong between DynamoDB's client and the engine: conflicts, throttling, and answers that never arrive. */
import type { DynamoDBClient, DynamoDBClientConfig } from "@aws-sdk/client-dynamodb";
import { seededRandom } from "../../support/runtime.ts";

/** `lost`: the engine has done it and answered, and the answer is thrown away. */
export type Fault = "lost" | "conflict" | "throttled" | "none";

export interface Faults {
  readonly onClient: (client: DynamoDBClient) => void;
  /** What was done to how many requests that write. */
  readonly counts: Readonly<Record<Fault, number>>;
  /** Of each DynamoDB transaction that was committed, whose answer was lost and which the client sent again: the status that it got then. */
  readonly repeated: readonly number[];
}

/** A middleware inside the client's loop of retries, right before the wire: what it does is the plan's to say. */
export function faultyClient(plan: () => Fault): Faults {
  const counts = { lost: 0, conflict: 0, throttled: 0, none: 0 };
  const repeated: number[] = [];
  const lostTokens = new Set<string>();
  const onClient: Faults["onClient"] = (client) => {
    client.middlewareStack.add(
      (next) => async (args) => {
        const request = args.request as WireRequest;
        const target = request.headers["x-amz-target"] ?? "";
        if (!/\.(TransactWriteItems|PutItem|DeleteItem)$/.test(target)) return next(args);
        const fault = plan();
        counts[fault] += 1;
        if (fault === "conflict" || fault === "throttled")
          return { response: refusal(fault, target) } as unknown as ReturnType<typeof next>;
        const result = await next(args);
        const response = result.response as WireResponse;
        const token = tokenOf(request);
        if (token !== undefined && lostTokens.has(token)) repeated.push(response.statusCode);
        if (fault === "none") return result;
        if (token !== undefined && response.statusCode === OK) lostTokens.add(token);
        response.body.resume();
        throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
      },
      { step: "deserialize", priority: "low", name: "faults" },
    );
  };
  return { onClient, counts, repeated };
}

/** Of 16 requests that write, two lose their answer, two meet a conflict and two are throttled. */
export function seededPlan(seed: string): () => Fault {
  const random = seededRandom(seed);
  return () => PLAN[(random(1)[0] ?? 0) & 0x0f] ?? "none";
}

const PLAN: readonly Fault[] = ["lost", "lost", "conflict", "conflict", "throttled", "throttled"];

/** The client sends again as often as it would by default, and at once. */
export const retryAtOnce: Required<Pick<DynamoDBClientConfig, "retryStrategy">>["retryStrategy"] = {
  acquireInitialRetryToken: async () => retryToken(0),
  refreshRetryTokenForRetry: async (token, { errorType }) => {
    const count = token.getRetryCount() + 1;
    if (errorType === "CLIENT_ERROR" || count >= CLIENT_ATTEMPTS) throw new Error("no further attempt");
    return retryToken(count);
  },
  recordSuccess: () => {},
};

const OK = 200;
const CLIENT_ATTEMPTS = 3;
const retryToken = (count: number) => ({ getRetryCount: () => count, getRetryDelay: () => 0 });

interface WireRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}
interface WireResponse {
  readonly statusCode: number;
  readonly body: NodeJS.ReadableStream;
}

function tokenOf({ body }: WireRequest): string | undefined {
  const text = body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body);
  return /"ClientRequestToken":"([^"]+)"/.exec(text)?.[1];
}

/** As DynamoDB words it: a conflict cancels a DynamoDB transaction, and refuses a single write. */
function refusal(fault: "conflict" | "throttled", target: string) {
  const isTransaction = target.endsWith("TransactWriteItems");
  const conflict = isTransaction
    ? {
        __type: `${NAMESPACE}TransactionCanceledException`,
        message: "Transaction cancelled, please refer cancellation reasons for specific reasons",
        CancellationReasons: [{ Code: "None" }, { Code: "TransactionConflict", Message: "ongoing" }],
      }
    : { __type: `${NAMESPACE}TransactionConflictException`, message: "ongoing" };
  const throttled = { __type: `${NAMESPACE}ProvisionedThroughputExceededException`, message: "slow down" };
  return {
    statusCode: 400,
    headers: { "content-type": "application/x-amz-json-1.0" },
    body: new TextEncoder().encode(JSON.stringify(fault === "conflict" ? conflict : throttled)),
  };
}

const NAMESPACE = "com.amazonaws.dynamodb.v20120810#";
