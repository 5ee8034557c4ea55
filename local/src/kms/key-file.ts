// The one JSON file that holds a development KMS's keys, in the clear and readable by its owner only.
import { createPrivateKey, type KeyObject } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";

/** A key as the development KMS keeps it; `createdAt` is in milliseconds, `secret` has 32 bytes. */
export type KmsKey = SymmetricKey | SigningKey;

/** A key for Encrypt, Decrypt and GenerateDataKey. */
export interface SymmetricKey extends KeyDescription {
  readonly spec: "SYMMETRIC_DEFAULT";
  readonly secret: Buffer;
}

/** A P-256 key for Sign, Verify and GetPublicKey. */
export interface SigningKey extends KeyDescription {
  readonly spec: "ECC_NIST_P256";
  readonly privateKey: KeyObject;
}

interface KeyDescription {
  readonly id: string;
  readonly description: string;
  readonly createdAt: number;
}

/** A second name for a key: `name` begins with `alias/`, `createdAt` is in milliseconds. */
export interface KmsAlias {
  readonly name: string;
  readonly keyId: string;
  readonly createdAt: number;
}

/** Everything a key file holds; every alias leads to one of the keys. */
export interface KeyFileContents {
  readonly keys: readonly KmsKey[];
  readonly aliases: readonly KmsAlias[];
}

/** An opened key file: what it held, and `save`, which replaces it durably or throws and leaves it as it was. */
export interface KeyFile {
  readonly contents: KeyFileContents;
  save(contents: KeyFileContents): void;
}

/** Opens a key file; an absent one counts as empty, a damaged one or one of another version throws. */
export function openKeyFile(file: string): KeyFile {
  const path = resolve(file);
  let saved = read(path);
  return {
    contents: saved === undefined ? { keys: [], aliases: [] } : parse(path, saved),
    save(contents) {
      // Two processes on one file would each drop the other's keys, and a dropped key makes its ciphertexts void.
      if (read(path) !== saved) {
        throw new Error(`The KMS key file ${path} was changed by another process; start the KMS again.`);
      }
      const text = serialise(contents);
      replace(path, text);
      saved = text;
    },
  };
}

const version = 1;
const keyIdPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function replace(path: string, text: string): void {
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const temporary = `${path}.new`;
  // What a crash left under this name is ours and was never the key file; a fresh one has the mode we ask for.
  rmSync(temporary, { force: true });
  withFile(temporary, "wx", (descriptor) => {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  });
  renameSync(temporary, path);
  // The rename itself lasts through a power failure only once the directory is on disk.
  withFile(directory, "r", fsyncSync);
}

function withFile(path: string, flags: string, use: (descriptor: number) => void): void {
  const descriptor = openSync(path, flags, 0o600);
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function serialise({ keys, aliases }: KeyFileContents): string {
  const records = keys.map((key) => ({
    id: key.id,
    spec: key.spec,
    description: key.description,
    createdAt: key.createdAt,
    material: material(key).toString("base64"),
  }));
  return `${JSON.stringify({ version, keys: records, aliases }, null, 2)}\n`;
}

function material(key: KmsKey): Buffer {
  if (key.spec === "SYMMETRIC_DEFAULT") return key.secret;
  return key.privateKey.export({ format: "der", type: "pkcs8" });
}

function parse(path: string, text: string): KeyFileContents {
  const damaged = (reason: string) =>
    new Error(
      `The KMS key file ${path} is damaged: ${reason}. Nothing was changed. Restore it from a copy: without it ` +
        "the money in the table beside it is gone.",
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message would quote the file, and with it key material.
    throw damaged("it is not JSON");
  }
  if (!isRecord(value) || !("version" in value)) throw damaged("it has no version");
  if (value.version !== version) {
    const found = JSON.stringify(value.version);
    throw new Error(
      `The KMS key file ${path} has version ${found}; this program reads version ${version}. Nothing was changed. Use ` +
        "the version of Lepta that wrote it, or restore it from a copy.",
    );
  }
  if (!Array.isArray(value.keys)) throw damaged("it has no list of keys");
  if (!Array.isArray(value.aliases)) throw damaged("it has no list of aliases");
  const keys = value.keys.map((record: unknown, index) => {
    const key = parseKey(record);
    if (key === undefined) throw damaged(`key ${index} is not readable`);
    return key;
  });
  const ids = new Set(keys.map(({ id }) => id));
  if (ids.size !== keys.length) throw damaged("two keys have one id");
  const aliases = value.aliases.map((record: unknown, index) => {
    const alias = parseAlias(record, ids);
    if (alias === undefined) throw damaged(`alias ${index} is not readable or leads to no key`);
    return alias;
  });
  if (new Set(aliases.map(({ name }) => name)).size !== aliases.length) {
    throw damaged("two aliases have one name");
  }
  return { keys, aliases };
}

function parseKey(record: unknown): KmsKey | undefined {
  if (!isRecord(record)) return undefined;
  const { id, spec, description, createdAt, material: encoded } = record;
  if (typeof id !== "string" || !keyIdPattern.test(id)) return undefined;
  if (typeof description !== "string" || typeof createdAt !== "number") return undefined;
  if (typeof encoded !== "string") return undefined;
  const bytes = Buffer.from(encoded, "base64");
  if (spec === "SYMMETRIC_DEFAULT") {
    return bytes.length === 32 ? { id, spec, description, createdAt, secret: bytes } : undefined;
  }
  const privateKey = spec === "ECC_NIST_P256" ? parsePrivateKey(bytes) : undefined;
  return privateKey && { id, spec: "ECC_NIST_P256", description, createdAt, privateKey };
}

function parsePrivateKey(bytes: Buffer): KeyObject | undefined {
  try {
    const key = createPrivateKey({ key: bytes, format: "der", type: "pkcs8" });
    return key.asymmetricKeyDetails?.namedCurve === "prime256v1" ? key : undefined;
  } catch {
    // OpenSSL's reason says nothing a reader of "key 3 is not readable" could use.
    return undefined;
  }
}

function parseAlias(record: unknown, ids: ReadonlySet<string>): KmsAlias | undefined {
  if (!isRecord(record)) return undefined;
  const { name, keyId, createdAt } = record;
  if (typeof name !== "string" || !name.startsWith("alias/")) return undefined;
  if (typeof keyId !== "string" || !ids.has(keyId) || typeof createdAt !== "number") return undefined;
  return { name, keyId, createdAt };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
