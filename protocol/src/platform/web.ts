/** What runs on a browser's cryptography: `#platform` where a bundler builds for one. */
export { webNoise as defaultNoise } from "../noise/web.ts";
export { defaultSuite } from "../suite/default-web.ts";
