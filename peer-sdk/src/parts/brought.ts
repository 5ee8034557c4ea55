/** Code that is loaded when it is needed. */
import { LeptaError } from "@lepta/protocol/core";

/**
 * Loads a part of the program. Throws `unreachable` where it cannot be loaded: whoever needs it asks for it before anything is kept
 * or sent, so that nothing has happened then.
 */
export async function brought<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw new LeptaError(
      "unreachable",
      `a part of the program: ${error instanceof Error ? error.message : error}`,
    );
  }
}
