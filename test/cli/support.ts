/** A terminal that remembers what it was told, an embedded cloud to administer, and ways to break what AWS answers. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cloud, connectCloud } from "@lepta/cli/admin/cloud";
import { runAdmin, type Terminal } from "@lepta/cli/admin/run";
import { type EmbeddedCloud, type EmbeddedCloudOptions, startEmbeddedCloud } from "@lepta/local";

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface Administered {
  readonly dir: string;
  readonly cloud: EmbeddedCloud;
  /** Runs a command on this cloud; `alter` stands between the command and the SDK's clients. */
  run(args: readonly string[], options?: Partial<Terminal> & { readonly alter?: Breaking }): Promise<Ran>;
  close(): Promise<void>;
}

/** Changes clients of a cloud before they are used. */
export type Breaking = (cloud: Cloud) => void | Promise<void>;

/** Runs a command in a terminal without anybody at it. */
export async function ran(args: readonly string[], options: Partial<Terminal> = {}): Promise<Ran> {
  let out = "";
  let err = "";
  const status = await runAdmin(args, {
    variables: {},
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    isColoured: false,
    now: Date.now,
    fetch,
    ask: undefined,
    ...options,
  });
  return { status, out, err };
}

/** An embedded cloud in a directory of its own. */
export async function administered(options: Partial<EmbeddedCloudOptions> = {}): Promise<Administered> {
  const dir = await mkdtemp(join(tmpdir(), "lepta-admin-"));
  const cloud = await startEmbeddedCloud({ dir, ...options });
  return {
    dir,
    cloud,
    run: async (args, { alter, ...terminal } = {}) => {
      const clients = connectCloud({ embedded: dir });
      await alter?.(clients);
      return ran(["--embedded", dir, ...args], { connect: () => clients, ...terminal });
    },
    close: async () => {
      await cloud.close();
      await rm(dir, { recursive: true });
    },
  };
}

/** What this client answers to a command is changed, or is given without asking where `change` takes nothing. */
export function alter<C extends { readonly send: unknown }>(
  client: C,
  command: string,
  // biome-ignore lint/suspicious/noExplicitAny: answers of any command, as far as a test knows them.
  change: (answer: any, input: any) => object,
): void {
  const send = (client.send as (sent: object) => Promise<object>).bind(client);
  Object.assign(client, {
    send: async (sent: object & { readonly input: object }) => {
      if (sent.constructor.name !== command) return send(sent);
      return change(change.length === 0 ? undefined : await send(sent), sent.input);
    },
  });
}

/** The manifest with other members. */
export const remade =
  (change: (manifest: Readonly<Record<string, unknown>>) => object): Breaking =>
  ({ ssm }) =>
    alter(ssm, "GetParameterCommand", ({ Parameter }) => ({
      Parameter: { ...Parameter, Value: JSON.stringify(change(JSON.parse(Parameter.Value))) },
    }));
