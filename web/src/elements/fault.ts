import { make } from "../make.ts";
import { adviceOn } from "../words.ts";

/** What went wrong, what to do, and the code for those who ask for help. */
export function faultOf(error: unknown): HTMLElement {
  const { what, todo, code } = adviceOn(error);
  return make("p", { class: "fault" }, make("strong", {}, what), ` ${todo} `, make("small", {}, `(${code})`));
}
