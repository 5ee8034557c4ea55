/** The paper's own suite, for peers of a broker that was started with it by name. Not for production. */
export { figure4Suite } from "@lepta/protocol/suite/figure-4";
