/** A metered answer on its way out: its bytes pass as they come, and whoever waits for its end is told once. */
import { limits } from "@lepta/protocol";

/** The same answer; `ended` gets the whole body, or undefined where it was too long to keep or broke off. */
export function streamed(response: Response, ended: (body: Uint8Array | undefined) => void): Response {
  const { status, headers, body } = response;
  if (body === null) {
    ended(new Uint8Array(0));
    return response;
  }
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader();
  const kept: Uint8Array[] = [];
  let length = 0;
  let isOver = false;
  const end = (isWhole: boolean): void => {
    if (isOver) return;
    isOver = true;
    ended(isWhole && length <= limits.answerBytes ? joined(kept, length) : undefined);
  };
  const passing = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await reader.read();
        if (done) {
          end(true);
          controller.close();
          return;
        }
        length += value.length;
        if (length <= limits.answerBytes) kept.push(value);
        else kept.length = 0;
        controller.enqueue(value);
      } catch (error) {
        end(false);
        controller.error(error);
      }
    },
    // Its customer has gone: the handler is told, and what was used so far is charged.
    cancel: async (reason) => {
      end(false);
      await reader.cancel(reason);
    },
  });
  return new Response(passing, { status, headers });
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
