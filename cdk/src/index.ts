/** The broker for CDK apps. */
export { BrokerStack } from "./broker-stack.ts";
export type { StageConfiguration } from "./configuration.ts";
export type { Throttle } from "./http-api.ts";
export { ConfigurationError, type ScripBrokerProps } from "./props.ts";
export { ScripBroker } from "./scrip-broker.ts";
