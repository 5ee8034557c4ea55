/** Somebody on the way from the broker, who now and then gives a peer the answer to another of its requests. */
import type { Answer } from "./broker.ts";
import type { Draws } from "./random.ts";
import { adversaries as rates } from "./rates.ts";
import type { Weather } from "./weather.ts";

export class Interceptor {
  readonly #weather: Weather;
  readonly #draws: Draws;
  /** The last answer, by peer and door. */
  readonly #last = new Map<string, Answer>();
  attempts = 0;

  constructor(weather: Weather, draws: Draws) {
    this.#weather = weather;
    this.#draws = draws;
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
