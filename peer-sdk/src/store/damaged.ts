/** What is on disk cannot be what we wrote. */
import { LeptaError } from "@lepta/protocol";

/** `store-damaged` in words that name the file and say what to do. */
export const damaged = (file: string, message: string): LeptaError =>
  new LeptaError("store-damaged", `${file}: ${message}; restore the whole directory from a copy`);
