/** `npm start`: the embedded broker alone, until it is stopped. */
import { parseArgs } from "node:util";
import { startEmbeddedCloud } from "./embedded-cloud.ts";

const HELP = `Usage: npm start -- [--port 8787] [--data DIRECTORY] [--currency EUR] [--suite default|figure-4]

Starts Lepta's broker on this machine, with embedded stand-ins for DynamoDB and KMS. Play money only.
  --port      where it listens on 127.0.0.1 (default 8787, or $LEPTA_PORT)
  --data      where the table and the keys are kept (default .lepta/broker, or $LEPTA_DATA)
`;

const values = readOptions();

if (values?.help) process.stdout.write(HELP);
else if (values !== undefined) await start(values);

type Options = NonNullable<ReturnType<typeof readOptions>>;

function readOptions() {
  try {
    return parseArgs({
      options: {
        port: { type: "string", default: process.env.LEPTA_PORT ?? "8787" },
        data: { type: "string", default: process.env.LEPTA_DATA ?? ".lepta/broker" },
        currency: { type: "string", default: "EUR" },
        suite: { type: "string", default: "default" },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`lepta: ${error instanceof Error ? error.message : String(error)}\n${HELP}`);
    process.exitCode = 2;
    return undefined;
  }
}

async function start({ port, data, currency, suite }: Options): Promise<void> {
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) return fail(`--port ${port} is not a port`);
  if (suite !== "default" && suite !== "figure-4")
    return fail(`--suite ${suite}: there are "default" and "figure-4"`);
  const cloud = await startEmbeddedCloud({ dir: data, port: Number(port), currency, suite }).catch(
    (error: unknown) => fail(explain(error, port)),
  );
  if (cloud === undefined) return;
  process.stdout.write(
    `Lepta's embedded broker is ready.\n` +
      `  URL        ${cloud.url}\n` +
      `  root key   ${cloud.network}\n` +
      `  suite      ${suite}, currency ${currency}, data in ${data}\n\n` +
      `Give wallets and merchants this address, which pins the root key:\n  ${cloud.pinnedUrl}\n\n` +
      `Next, in another terminal:\n  npm run first-payment -- "${cloud.pinnedUrl}"\n` +
      `  npm run lepta-admin -- --embedded "${data}" doctor\n\n` +
      `Ctrl-C stops it; its data stays.\n`,
  );
  const stop = () => {
    cloud.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

function explain(error: unknown, port: string): string {
  if (error instanceof Error && "code" in error && error.code === "EADDRINUSE")
    return `port ${port} is taken; choose another with --port`;
  return error instanceof Error ? error.message : String(error);
}

function fail(message: string): undefined {
  process.stderr.write(`lepta: ${message}\n`);
  process.exitCode = 1;
  return undefined;
}
