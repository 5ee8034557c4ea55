/** Traces on Lambda, over Powertools and X-Ray: names of routes and stages and of AWS's operations, and nothing else. */
import { Tracer } from "@aws-lambda-powertools/tracer";
import { describe } from "../log.ts";

export interface Tracing {
  /** Runs work as a segment of this name below the one that runs now. */
  span<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Has this client of the SDK show its calls as segments. */
  capture<C extends Parameters<Tracer["captureAWSv3Client"]>[0]>(client: C): void;
}

/** Powertools turns itself off where the process is not a function on Lambda; then this does nothing. */
export function powertoolsTracing(service: string): Tracing {
  // The clients' calls are segments already; their HTTP requests need none of their own.
  const tracer = new Tracer({ serviceName: service, captureHTTPsRequests: false });
  return {
    span: <T>(name: string, work: () => Promise<T>) => {
      if (!tracer.isTracingEnabled()) return work();
      return tracer.provider.captureAsyncFunc(name, async (segment) => {
        try {
          return await work();
        } catch (error) {
          // Only that it failed: a message could quote what it choked on.
          segment?.addFaultFlag();
          throw error;
        } finally {
          close(segment);
        }
      }) as Promise<T>;
    },
    capture: (client) => void tracer.captureAWSv3Client(client),
  };
}

/** A trace that is lost costs nothing; an answer that is lost because of it would. */
function close(segment: { close(): void } | undefined): void {
  try {
    segment?.close();
  } catch (error) {
    process.stderr.write(`a segment was lost: ${describe(error)}\n`);
  }
}
