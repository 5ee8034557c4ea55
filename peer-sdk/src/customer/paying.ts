/** Paying for HTTP requests, and what may be spent on them, in one part: `#parts`. */

// Bundlers cut the first load into pieces along what each part needs of it, and pieces compress badly. This part needs less of it
// than the others do, so it names the rest: nothing more is loaded for that.
export { openParty } from "../party.ts";
export { openBudget } from "./budgets.ts";
export { createPayer } from "./http/fetch.ts";
export { purseOf } from "./purse.ts";
