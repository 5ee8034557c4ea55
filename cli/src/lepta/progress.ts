/** What is said while something takes long: after a second what is waited for, and on a terminal how long already. */
import type { Clock, Writer } from "./command.ts";

export interface ProgressIo {
  readonly stderr: Writer;
  readonly clock: Clock;
  /** Whether a line can be written over. */
  readonly isTerminal: boolean;
}

const SECOND = 1000;

/** Says it from the first second on, until the work has ended, however it did. */
export async function during<T>(
  { stderr, clock, isTerminal }: ProgressIo,
  what: string,
  work: Promise<T>,
): Promise<T> {
  const begun = clock.now();
  let callOff = (): void => {};
  let isSaid = false;
  // Nobody who reads it must be able to hold up what it is about.
  const write = (text: string): void => void stderr(text).catch(() => undefined);
  const say = (): void => {
    isSaid = true;
    if (isTerminal) {
      write(`\r\u001b[K${what} … ${Math.round((clock.now() - begun) / SECOND)} s`);
      callOff = clock.later(SECOND, say);
    } else write(`${what} …\n`);
  };
  callOff = clock.later(SECOND, say);
  try {
    return await work;
  } finally {
    callOff();
    if (isSaid && isTerminal) write("\r\u001b[K");
  }
}
