/**
 * Answers that were paid for: kept before their sale is decided, so that the same payment brings the same answer again, for a
 * day. Under the challenge's id.
 */
import {
  boolean,
  bytes,
  digest,
  field,
  limits,
  list,
  optional,
  struct,
  text,
  time,
  tuple,
  uint,
  type Value,
} from "@lepta/protocol";
import type { CallOff, PeerStore, Runtime } from "../ports.ts";
import { type Table, table } from "../store/table.ts";

const answerCodec = struct({
  /** SHA-256 of the credential's payload: only the same payment gets the same answer. */
  payment: field(1, digest),
  /** The customer's UID and the transaction. */
  purchase: field(2, text(128)),
  isOnLane: field(3, boolean),
  status: field(4, uint(599)),
  headers: field(5, list(tuple(text(256), text(limits.answerHeaderLength, 0)), limits.answerHeaders)),
  /** Absent where it was too long to keep. */
  body: optional(6, bytes(0, limits.paidAnswerBytes)),
  at: field(7, time),
  /** The item that was bought: the route. */
  sku: field(8, text(limits.skuLength)),
});
export type Answer = Value<typeof answerCodec>;

const DAY = 24 * 60 * 60 * 1000;
/** Answers that are looked at for it at once. */
const PAGE = 32;
/** How often what is too old is looked for, in milliseconds. */
const LOOK_EVERY = 10 * 60 * 1000;

export class Answers {
  readonly #store: PeerStore;
  readonly #runtime: Runtime;
  readonly #answers: Table<Answer>;
  /** When each was kept and how long it is, in the order of time: `time/id`. */
  readonly #order: Table<number>;
  #bytes = 0;
  #callOff: CallOff | undefined;
  /** What is being forgotten: two at once would count the same bytes twice. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(store: PeerStore, runtime: Runtime) {
    this.#store = store;
    this.#runtime = runtime;
    this.#answers = table(store, "answer", answerCodec);
    this.#order = table(store, "answered", uint());
  }

  static async open(store: PeerStore, runtime: Runtime): Promise<Answers> {
    const answers = new Answers(store, runtime);
    for (const [, length] of await answers.#order.list()) answers.#bytes += length;
    await answers.#forget();
    answers.#lookLater();
    return answers;
  }

  find(id: string): Promise<Answer | undefined> {
    return this.#answers.get(id);
  }

  /** Keeps an answer; durable when it returns. The oldest go where there would be more than `answersBytes` in all. */
  async keep(id: string, answer: Answer): Promise<void> {
    const length = answer.body?.length ?? 0;
    if (this.#bytes + length > limits.answersBytes) await this.#forget(length);
    await this.#store.commit([
      this.#answers.put(id, answer),
      this.#order.put(`${digits(answer.at)}/${id}`, length),
    ]);
    this.#bytes += length;
  }

  close(): void {
    this.#callOff?.();
  }

  /** Forgets those of more than a day ago, and of the others the oldest until so many bytes are free. One after the other. */
  #forget(bytes = 0): Promise<void> {
    const forgotten = this.#last.then(async () => {
      while (await this.#forgetSome(bytes));
    });
    this.#last = forgotten.catch(() => undefined);
    return forgotten;
  }

  /** Whether there may be more to forget. */
  async #forgetSome(bytes: number): Promise<boolean> {
    const before = digits(this.#runtime.now() - DAY);
    let left = this.#bytes + bytes - limits.answersBytes;
    const gone: (readonly [name: string, length: number])[] = [];
    for (const [name, length] of await this.#order.list({ limit: PAGE })) {
      if (name > before && left <= 0) break;
      gone.push([name, length]);
      left -= length;
    }
    if (gone.length === 0) return false;
    await this.#store.commit(
      gone.flatMap(([name]) => [
        this.#order.remove(name),
        this.#answers.remove(name.slice(name.indexOf("/") + 1)),
      ]),
    );
    for (const [, length] of gone) this.#bytes -= length;
    return gone.length === PAGE;
  }

  #lookLater(): void {
    this.#callOff = this.#runtime.later(LOOK_EVERY, () => {
      // What could not be forgotten now is forgotten the next time.
      this.#forget().catch(() => undefined);
      this.#lookLater();
    });
  }
}

const digits = (at: number): string => String(Math.max(0, at)).padStart(16, "0");
