/** `npm run build`: makes the packages that are published. */
import { relative } from "node:path";
import { buildPackages, root } from "./packages.ts";

for (const { name, version, dist } of await buildPackages())
  console.log(`${name} ${version}: ${relative(root, dist)} (npm pack ./${relative(root, dist)})`);
