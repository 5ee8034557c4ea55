/** A metered answer as it comes, which breaks off where nothing more may be paid for it. */

export interface MeteredAnswer {
  readonly response: Response;
  /** Whether its body has ended, however it ended. */
  readonly isOver: () => boolean;
  /** Breaks it off: whoever reads it gets this error. */
  readonly breakOff: (error: Error) => void;
}

export function meteredAnswer(answer: Response): MeteredAnswer {
  const { status, statusText, headers, body } = answer;
  if (body === null) return { response: answer, isOver: () => true, breakOff: () => {} };
  const reader = body.getReader();
  let isOver = false;
  let failing: ((error: Error) => void) | undefined;
  const passing = new ReadableStream<Uint8Array>({
    start: (controller) => {
      failing = (error) => controller.error(error);
    },
    pull: async (controller) => {
      try {
        const { done, value } = await reader.read();
        if (isOver) return;
        if (done) {
          isOver = true;
          controller.close();
        } else controller.enqueue(value);
      } catch (error) {
        if (isOver) return;
        isOver = true;
        controller.error(error);
      }
    },
    cancel: async (reason) => {
      isOver = true;
      await reader.cancel(reason);
    },
  });
  return {
    response: new Response(passing, { status, statusText, headers }),
    isOver: () => isOver,
    breakOff: (error) => {
      if (isOver) return;
      isOver = true;
      failing?.(error);
      // The merchant sees that nobody reads any more; that it may be gone already changes nothing.
      reader.cancel(error).catch(() => undefined);
    },
  };
}
