/** A metered answer on its way out: its bytes pass as they come, and whoever waits for its end is told once. */
import { concat, LeptaError, limits } from "@lepta/protocol";
import type { CallOff, Runtime } from "../ports.ts";

/**
 * The same answer; `ended` gets the whole body, or undefined where it was too long to keep or broke off. One that is not read on for
 * `readWithin` breaks off: until it ends its customer's lane and its place at the till are held.
 */
export function streamed(
  response: Response,
  runtime: Pick<Runtime, "later">,
  ended: (body: Uint8Array | undefined) => void,
): Response {
  const { status, headers, body } = response;
  if (body === null) {
    ended(new Uint8Array(0));
    return response;
  }
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader();
  const kept: Uint8Array[] = [];
  let length = 0;
  let isOver = false;
  let callOff: CallOff = () => {};
  const end = (isWhole: boolean): void => {
    if (isOver) return;
    isOver = true;
    callOff();
    ended(isWhole && length <= limits.paidAnswerBytes ? concat(...kept) : undefined);
  };
  const wait = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    callOff = runtime.later(limits.readWithin, () => {
      if (isOver) return;
      const reason = new LeptaError("closed", "the answer was not read on");
      end(false);
      controller.error(reason);
      // What its handler makes of it is its own matter.
      reader.cancel(reason).catch(() => undefined);
    });
  };
  const passing = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      callOff();
      try {
        const { done, value } = await reader.read();
        if (isOver) return;
        if (done) {
          end(true);
          controller.close();
          return;
        }
        length += value.length;
        if (length <= limits.paidAnswerBytes) kept.push(value);
        else kept.length = 0;
        wait(controller);
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
