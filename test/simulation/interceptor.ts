/**
 * Somebody on the way from the broker, who now and then gives a peer the answer to another of its requests; and on the wires between
 * peers, where what is left out, doubled, altered or played again is of no session any more.
 */
import type { Answer } from "./broker.ts";
import type { Draws } from "./random.ts";
import { adversaries as rates } from "./rates.ts";
import type { Weather } from "./weather.ts";

export class Interceptor {
  readonly #weather: Weather;
  readonly #draws: Draws;
  /** The last answer, by peer and door. */
  readonly #last = new Map<string, Answer>();
  /** The last message of a session, of whomever. */
  #seen: Uint8Array | undefined;
  attempts = 0;

  constructor(weather: Weather, draws: Draws) {
    this.#weather = weather;
    this.#draws = draws;
  }

  /** What becomes of a message of a session. */
  onWire(bytes: Uint8Array): readonly Uint8Array[] {
    if (!this.#weather.has("adversary") || !this.#draws.chance(rates.meddle)) {
      this.#seen = bytes;
      return [bytes];
    }
    this.attempts += 1;
    const altered = bytes.slice();
    const at = this.#draws.below(altered.length);
    altered[at] = (altered[at] ?? 0) ^ (1 << this.#draws.below(8));
    const before = this.#seen;
    return this.#draws.pick([[], [bytes, bytes], [altered], before === undefined ? [] : [before, bytes]]);
  }

  /** The answer, or the one before it. */
  answer(peer: { readonly name: string }, path: string, answer: Answer): Answer {
    const place = `${peer.name} ${path}`;
    const before = this.#last.get(place);
    this.#last.set(place, answer);
    if (before === undefined || !this.#weather.has("adversary") || !this.#draws.chance(rates.intercept))
      return answer;
    this.attempts += 1;
    return before;
  }
}
