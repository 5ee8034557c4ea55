/** Makes the cloud assembly of the sources as they are: what `cdk deploy` would upload. */
import { spawn } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const CDK = join(ROOT, "node_modules/aws-cdk/bin/cdk");
const STAGE = "test";

/** Runs `cdk synth` and gives the assembly's directory. Throws with what it said where it fails. */
export async function synthesise(): Promise<string> {
  const { PATH = "" } = process.env;
  // cdk.json starts the app with `node`: it has to be this one.
  const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${PATH}` };
  const child = spawn(process.execPath, [CDK, "synth", "--quiet", "-c", `stage=${STAGE}`], {
    cwd: ROOT,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`cdk synth failed:\n${said}`);
  return join(ROOT, "cdk.out");
}
