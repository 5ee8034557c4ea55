/** A disk in memory whose power may fail: of what was under way then any sectors are on it, in any order. */
import type { Disk, DiskFile } from "../../peer-sdk/src/store/log/disk.ts";
import type { Draws } from "../simulation/random.ts";

const SECTOR = 512;

export class PowerLoss extends Error {}

/** One boot: it works until the power fails, and `files` is what the next boot finds. */
export class PowerDisk implements Disk {
  readonly files: Map<string, Uint8Array>;
  readonly #draws: Draws;
  /** Names that were removed since the directory was last synced: they may come back. */
  readonly #removed = new Map<string, Uint8Array>();
  #left: number;

  constructor(files: ReadonlyMap<string, Uint8Array>, draws: Draws, operations: number) {
    this.files = new Map(files);
    this.#draws = draws;
    this.#left = operations;
  }

  get isOff(): boolean {
    return this.#left <= 0;
  }

  async names(dir: string): Promise<readonly string[]> {
    return [...this.files.keys()].map((path) => path.slice(dir.length + 1));
  }

  async read(path: string): Promise<Uint8Array> {
    const bytes = this.files.get(path);
    if (bytes === undefined) throw new Error(`no ${path}`);
    return bytes.slice();
  }

  async create(path: string, bytes: Uint8Array): Promise<DiskFile> {
    if (this.files.has(path)) throw new Error(`${path} is there`);
    await this.#operate(
      () => {
        this.files.set(path, bytes.slice());
        this.#removed.clear();
      },
      () => {
        if (this.#draws.chance(0.3)) return;
        const size = this.#draws.chance(0.5) ? bytes.length : this.#draws.below(bytes.length);
        this.files.set(path, this.#mixed(new Uint8Array(size), bytes, 0));
      },
    );
    return this.#file(path);
  }

  async open(path: string): Promise<DiskFile> {
    await this.read(path);
    return this.#file(path);
  }

  async remove(path: string): Promise<void> {
    const bytes = await this.read(path);
    await this.#operate(
      () => {
        this.files.delete(path);
        this.#removed.set(path, bytes);
      },
      () => {
        if (this.#draws.chance(0.5)) this.files.delete(path);
      },
    );
  }

  #file(path: string): DiskFile {
    return {
      write: async (bytes, at) => {
        const before = await this.read(path);
        await this.#operate(
          () => this.files.set(path, written(before, bytes, at)),
          () => {
            const grown = new Uint8Array(Math.max(before.length, at + bytes.length));
            grown.set(before);
            const base = this.#draws.chance(0.5) ? grown : before;
            this.files.set(path, this.#mixed(base, bytes, at));
          },
        );
      },
      truncate: async (size) => {
        const before = await this.read(path);
        await this.#operate(
          () => this.files.set(path, before.slice(0, size)),
          () => {
            if (this.#draws.chance(0.5)) this.files.set(path, before.slice(0, size));
          },
        );
      },
      close: async () => {},
    };
  }

  /** A moment passes before it is done: meanwhile more is asked for. */
  async #operate(done: () => void, cut: () => void): Promise<void> {
    if (this.isOff) throw new PowerLoss();
    await new Promise(setImmediate);
    if (this.isOff) throw new PowerLoss();
    this.#left -= 1;
    if (!this.isOff) return done();
    cut();
    for (const [path, bytes] of this.#removed)
      if (!this.files.has(path) && this.#draws.chance(0.5)) this.files.set(path, bytes);
    throw new PowerLoss();
  }

  /** Some sectors of what was to be written, within the size that the file has. */
  #mixed(base: Uint8Array, bytes: Uint8Array, at: number): Uint8Array {
    const mixed = base.slice();
    const share = this.#draws.pick([0, 0.5, 0.95, 1]);
    for (let start = at - (at % SECTOR); start < at + bytes.length; start += SECTOR) {
      if (!this.#draws.chance(share)) continue;
      const [from, to] = [Math.max(start, at), Math.min(start + SECTOR, at + bytes.length, mixed.length)];
      if (from < to) mixed.set(bytes.subarray(from - at, to - at), from);
    }
    return mixed;
  }
}

function written(before: Uint8Array, bytes: Uint8Array, at: number): Uint8Array {
  const after = new Uint8Array(Math.max(before.length, at + bytes.length));
  after.set(before);
  after.set(bytes, at);
  return after;
}
