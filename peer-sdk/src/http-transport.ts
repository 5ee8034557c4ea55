/** The broker over HTTPS, with fetch. */
import { ERROR_MEDIA_TYPE, LeptaError, limits } from "@lepta/protocol/core";
import type { BrokerTransport } from "./ports.ts";

/** How long an answer may take, in milliseconds. */
const PATIENCE = 30_000;
const SEALED_MEDIA_TYPE = 'application/cose; cose-type="cose-encrypt"';

/** The broker over HTTPS with `fetch`, which waits 30 seconds. Throws `unreachable`, `busy`, `not-found` or `too-large`. */
export const httpTransport: BrokerTransport = async (method, url, body) => {
  try {
    const response = await fetch(url, {
      method,
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
      ...(body === undefined
        ? {}
        : { body: body as Uint8Array<ArrayBuffer>, headers: { "content-type": SEALED_MEDIA_TYPE } }),
    });
    const contentType = response.headers.get("content-type") ?? "";
    if (!response.ok && !contentType.startsWith(ERROR_MEDIA_TYPE)) throw await notTheBroker(response, url);
    return { contentType, body: await readBounded(response) };
  } catch (error) {
    if (error instanceof LeptaError) throw error;
    throw new LeptaError("unreachable", `${url}: ${error instanceof Error ? error.message : String(error)}`);
  }
};

/** What stands before the broker answered in its place, such as a gateway that throttles: what was decided is not known. */
async function notTheBroker({ status, body }: Response, url: string): Promise<LeptaError> {
  await body?.cancel();
  const said = `${url}: HTTP status ${status}`;
  if (status === 429) return new LeptaError("busy", said);
  return new LeptaError(status === 404 ? "not-found" : "unreachable", said);
}

async function readBounded(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > limits.batchBytes) throw new LeptaError("too-large", "the broker's answer");
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
