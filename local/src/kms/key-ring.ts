// The keys and aliases of a development KMS, found by any of the names KMS gives a key.
import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { type KeyFile, type KeyFileContents, type KmsAlias, type KmsKey, openKeyFile } from "./key-file.ts";
import { KmsFault } from "./request.ts";

/** The account every key and alias of a development KMS belongs to. */
export const kmsAccount = "000000000000";

/** The full name of a key (`key/<id>`) or of an alias (`alias/<name>`). */
export function kmsArn(resource: string): string {
  return `${arnPrefix}${resource}`;
}

/** Keys and aliases; a change is on disk when the method that makes it returns, or else was not made. */
export class KeyRing {
  readonly #file: KeyFile;
  readonly #now: () => number;
  #contents: KeyFileContents;

  constructor(file: string, now: () => number) {
    this.#file = openKeyFile(file);
    this.#now = now;
    this.#contents = this.#file.contents;
  }

  /** All aliases, sorted by name. */
  get aliases(): readonly KmsAlias[] {
    return [...this.#contents.aliases].sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** The key with this id, ARN, alias name or alias ARN; `NotFoundException` where there is none. */
  find(name: string): KmsKey {
    const id = this.#keyId(name);
    const key = id === undefined ? undefined : this.withId(id);
    if (key === undefined) throw new KmsFault("NotFoundException", `The key "${name}" does not exist`);
    return key;
  }

  /** The key with this id, or undefined where there is none. */
  withId(id: string): KmsKey | undefined {
    return this.#contents.keys.find((key) => key.id === id);
  }

  /** Creates a key with fresh random material. */
  createKey(spec: KmsKey["spec"], description: string): KmsKey {
    const common = { id: randomUUID(), description, createdAt: this.#now() };
    const key: KmsKey =
      spec === "SYMMETRIC_DEFAULT"
        ? { ...common, spec, secret: randomBytes(32) }
        : { ...common, spec, privateKey: generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey };
    this.#save({ ...this.#contents, keys: [...this.#contents.keys, key] });
    return key;
  }

  /** Gives a key, named by its id or ARN, another name; `AlreadyExistsException` where the name is in use. */
  createAlias(name: string, target: string): void {
    if (!/^alias\/[a-zA-Z0-9/_-]{1,250}$/.test(name) || name.startsWith("alias/aws/")) {
      throw new KmsFault("InvalidAliasNameException", `${name} is not a name an alias may have`);
    }
    if (target.startsWith("alias/") || target.startsWith(kmsArn("alias/"))) {
      throw new KmsFault("ValidationException", "Aliases must refer to keys, not to aliases");
    }
    const key = this.find(target);
    if (this.#contents.aliases.some((alias) => alias.name === name)) {
      throw new KmsFault("AlreadyExistsException", `An alias with the name ${kmsArn(name)} already exists`);
    }
    const alias = { name, keyId: key.id, createdAt: this.#now() };
    this.#save({ ...this.#contents, aliases: [...this.#contents.aliases, alias] });
  }

  #keyId(name: string): string | undefined {
    const isArn = name.startsWith(arnPrefix);
    const resource = isArn ? name.slice(arnPrefix.length) : name;
    if (resource.startsWith("alias/")) {
      return this.#contents.aliases.find((alias) => alias.name === resource)?.keyId;
    }
    if (!isArn) return resource;
    return resource.startsWith("key/") ? resource.slice("key/".length) : undefined;
  }

  #save(contents: KeyFileContents): void {
    this.#file.save(contents);
    this.#contents = contents;
  }
}

const arnPrefix = `arn:aws:kms:us-east-1:${kmsAccount}:`;
