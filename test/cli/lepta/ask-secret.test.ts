import { EventEmitter } from "node:events";
import { askSecret } from "@lepta/cli/lepta/ask-secret";
import { describe, expect, test } from "vitest";

/** A terminal that notes how it was left. */
function terminal() {
  const input = Object.assign(new EventEmitter(), {
    raw: [] as boolean[],
    setRawMode(isRaw: boolean) {
      input.raw.push(isRaw);
      return input;
    },
    resume: () => input,
    pause: () => input,
  });
  let shown = "";
  const output = {
    write: (text: string) => {
      shown += text;
    },
  };
  // biome-ignore lint/suspicious/noExplicitAny: as much of a terminal as is used.
  return { input: input as any, output, shown: () => shown };
}

describe("what is typed as a secret", () => {
  test("is not shown, and can be mended", async () => {
    const { input, output, shown } = terminal();
    const asked = askSecret({ input, output }, "The words: ", new AbortController().signal);
    for (const text of ["one twp", "\u007fo", "\r"]) input.emit("data", Buffer.from(text));
    expect(await asked).toBe("one two");
    expect(shown()).toBe("The words: \n");
    expect([input.raw, input.listenerCount("data")]).toEqual([[true, false], 0]);
  });

  test.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("is given up with %s, and the terminal is left as it was", async (_, key) => {
    const { input, output } = terminal();
    const asked = askSecret({ input, output }, "?", new AbortController().signal);
    input.emit("data", Buffer.from(`one${key}`));
    await expect(asked).rejects.toMatchObject({ code: "interrupted", exit: 130 });
    expect([input.raw, input.listenerCount("data")]).toEqual([[true, false], 0]);
  });

  test("is given up when the process is ended", async () => {
    const { input, output } = terminal();
    const stop = new AbortController();
    const asked = askSecret({ input, output }, "?", stop.signal);
    stop.abort();
    await expect(asked).rejects.toMatchObject({ code: "interrupted" });
    expect(input.raw).toEqual([true, false]);
  });
});
