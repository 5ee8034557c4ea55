/** The embedded cloud, for the demo, the bench and the tests. */
export { type EmbeddedCloud, type EmbeddedCloudOptions, startEmbeddedCloud } from "./embedded-cloud.ts";
