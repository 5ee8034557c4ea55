/** What runs on Node's cryptography: `#platform` for all but browsers. */
export { nodeNoise as defaultNoise } from "../noise/node.ts";
export { defaultSuite } from "../suite/default.ts";
