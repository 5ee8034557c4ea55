/** Noise on a browser's cryptography: `#noise` where a bundler builds for one. */
export { webNoise as defaultNoise } from "../noise/web.ts";
