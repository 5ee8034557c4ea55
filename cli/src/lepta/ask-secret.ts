/** A question on a terminal whose answer is not shown while it is typed. */
import type { ReadStream } from "node:tty";
import { exit, Fault } from "./fault.ts";

/** Characters of an answer. */
const MOST = 1024;

export interface Terminal {
  readonly input: Pick<ReadStream, "setRawMode" | "on" | "off" | "resume" | "pause">;
  readonly output: { readonly write: (text: string) => unknown };
}

/** Asks; Ctrl-C, Ctrl-D and whoever ends the process end it with a `Fault`. The terminal is left as it was. */
export function askSecret(
  { input, output }: Terminal,
  question: string,
  signal: AbortSignal,
): Promise<string> {
  output.write(question);
  input.setRawMode(true);
  input.resume();
  return new Promise<string>((resolve, reject) => {
    let typed = "";
    const end = (): void => {
      input.off("data", take);
      signal.removeEventListener("abort", stop);
      input.setRawMode(false);
      input.pause();
      output.write("\n");
    };
    const stop = (): void => {
      end();
      reject(new Fault("interrupted", "It was interrupted.", "Give the command again.", exit.interrupted));
    };
    const take = (data: Buffer): void => {
      for (const character of data.toString("utf8")) {
        if (character === "\r" || character === "\n") {
          end();
          resolve(typed);
          return;
        }
        // In raw mode these are characters like others.
        if (character === "\u0003" || character === "\u0004") {
          stop();
          return;
        }
        if (character === "\u007f" || character === "\b") typed = typed.slice(0, -1);
        else if (typed.length < MOST) typed += character;
      }
    };
    signal.addEventListener("abort", stop, { once: true });
    input.on("data", take);
  });
}
