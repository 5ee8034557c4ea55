/** The suites under measure; node-forge is loaded only where it is asked for. */
import { defaultSuite, type Suite } from "@lepta/protocol";
import type { SuiteChoice } from "./calls.ts";

export async function loadSuite(choice: SuiteChoice): Promise<Suite> {
  switch (choice) {
    case "default":
      return defaultSuite;
    case "figure-4":
      return (await import("@lepta/protocol/suite/figure-4")).figure4Suite;
    case "figure-4-openssl":
      return (await import("@lepta/protocol/suite/figure-4-openssl")).figure4OpenSslSuite;
  }
}
