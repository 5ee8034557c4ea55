/** The network between parties: requests and answers are lost, doubled, held up and overtaken. */
import { LeptaError } from "@lepta/peer-sdk";
import type { Clock } from "./clock.ts";
import type { Life } from "./life.ts";
import { network as rates } from "./rates.ts";
import type { Weather } from "./weather.ts";

/** One way between two parties, on which messages may overtake each other. */
export interface Line {
  readonly name: string;
  sent: number;
  arrived: number;
}

export const newLine = (name: string): Line => ({ name, sent: 0, arrived: 0 });

export interface Exchange<A> {
  readonly line: Line;
  /** Carries the request to who answers; called again where the request comes twice. */
  readonly deliver: () => Promise<A>;
  /** Told where the connection breaks with what was lost. */
  readonly onBreak?: () => void;
  /** Lives on the other side: an answer of a dead one is none. */
  readonly answerer?: () => Life | undefined;
}

export class Network {
  readonly #clock: Clock;
  readonly #weather: Weather;

  constructor(clock: Clock, weather: Weather) {
    this.#clock = clock;
    this.#weather = weather;
  }

  /** A request and its answer. Throws `unreachable` where none comes in time. */
  exchange<A>({ line, deliver, onBreak }: Exchange<A>): Promise<A> {
    return new Promise((resolve, reject) => {
      const giveUp = this.#clock.after(rates.patience, () => fail("no answer in time"));
      const fail = (why: string): void => {
        giveUp();
        reject(new LeptaError("unreachable", why));
      };
      const breakOff = (): void => {
        if (onBreak === undefined || !this.#weather.breaks()) return;
        onBreak();
        this.#clock.after(rates.latency[1], () => fail("the connection broke"));
      };
      const back = (answer: () => void): void => {
        if (!this.#send(line, answer)) breakOff();
      };
      const there = (): void => {
        deliver().then(
          (answer) =>
            back(() => {
              giveUp();
              resolve(answer);
            }),
          (error: unknown) =>
            back(() => {
              giveUp();
              reject(error);
            }),
        );
      };
      if (!this.#send(line, there)) breakOff();
      if (this.#weather.doubles()) this.#clock.after(rates.latency[1], () => this.#send(line, there));
    });
  }

  /** False where the message is lost. */
  #send(line: Line, arrive: () => void): boolean {
    const transit = this.#weather.transit();
    if (transit === undefined) return false;
    line.sent += 1;
    const number = line.sent;
    this.#clock.after(transit, () => {
      if (number < line.arrived) this.#weather.tally.reordered += 1;
      line.arrived = Math.max(line.arrived, number);
      arrive();
    });
    return true;
  }
}
