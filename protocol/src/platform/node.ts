/** What runs on Node's cryptography: `#platform` for all but browsers. */
export { defaultSuite } from "../suite/default.ts";
