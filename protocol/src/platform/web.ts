/** What runs on a browser's cryptography: `#platform` where a bundler builds for one. */
export { defaultSuite } from "../suite/default-web.ts";
