/** Bodies that are held as a whole, up to a bound. */
import { concat, LeptaError, limits } from "@lepta/protocol";

/** The bytes of a stream, or undefined where they are more than `most`; what would follow is not read. */
export async function bytesOf(
  stream: ReadableStream<Uint8Array> | null,
  most: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (stream === null) return new Uint8Array();
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    length += read.value.length;
    if (length > most) {
      // Nobody waits for that: of a body that is read twice it ends with the other half alone.
      reader.cancel().catch(() => undefined);
      return undefined;
    }
    chunks.push(read.value);
  }
  return concat(...chunks);
}

/** Says to whom sent more than a paywall reads before it is paid. */
export const tooLarge = (): Response => plainProblem(413, "Content Too Large", "too-large");

/** An answer of HTTP's own, without a type of the `Payment` scheme. */
export function plainProblem(status: number, title: string, code: string): Response {
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
  return new Response(JSON.stringify({ type: "about:blank", title, status, code }), { status, headers });
}

/** Answers that have no body, whatever their handler wrote. */
export const hasNoBody = (status: number, method: string | undefined): boolean =>
  method === "HEAD" || status === 204 || status === 205 || status === 304;

/** An answer that is held until it is paid for, whole; a metered one is paid for as it goes. Throws where it is longer than is held. */
export async function heldBack(response: Response, method: string, streams: boolean): Promise<Response> {
  if (streams || hasNoBody(response.status, method)) return response;
  const whole = await bytesOf(response.body, limits.paidAnswerBytes);
  if (whole === undefined) throw heldTooLong();
  return new Response(whole, response);
}

export const heldTooLong = (): LeptaError =>
  new LeptaError("too-large", "an answer at a fixed price: sell what is longer by a meter");
