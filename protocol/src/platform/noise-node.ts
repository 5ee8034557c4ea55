/** Noise on Node's cryptography: `#noise` for all but browsers. */
export { nodeNoise as defaultNoise } from "../noise/node.ts";
