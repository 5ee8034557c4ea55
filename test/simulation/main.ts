/** `npm run sim`: the broker, wallets and merchants as they are, in a world that fails on purpose, from one seed. */
import { readArguments, USAGE } from "./arguments.ts";
import { faults } from "./faults.ts";
import { faultOf, plant } from "./plant.ts";

async function main(): Promise<number> {
  if (process.argv.includes("--help")) {
    console.log(USAGE);
    return 0;
  }
  const asked = readArguments(process.argv.slice(2));
  if (typeof asked === "string") {
    console.error(`${asked}\n\n${USAGE}`);
    return 2;
  }
  const fault = asked.fault === undefined ? undefined : faultOf(asked.fault);
  if (asked.fault !== undefined && fault === undefined) {
    console.error(`no fault is called ${asked.fault}; there are:\n  ${Object.keys(faults).join("\n  ")}`);
    return 2;
  }
  const isPlanted = fault && plant(fault);
  // What is patched must be loaded after the hook is there.
  const { simulate } = await import("./simulate.ts");
  if (isPlanted?.() === false) throw new Error(`${fault?.file} was not loaded`);
  return simulate(asked, fault?.favours);
}

process.exitCode = await main();
