/** Virtual time: one heap of events by (time, sequence). An event runs, microtasks drain, the next one runs. */

export type CallOff = () => void;

interface Event {
  readonly at: number;
  readonly sequence: number;
  work: (() => void) | undefined;
}

export class Clock {
  #now: number;
  #sequence = 0;
  #leap = { at: 0, by: 0 };
  readonly #heap: Event[] = [];

  constructor(startAt: number) {
    this.#now = startAt;
  }

  /** Milliseconds since 1970. */
  get now(): number {
    return this.#now;
  }

  /** Time passes at once; what was due meanwhile happens late. */
  jump(milliseconds: number): void {
    this.#now += milliseconds;
    this.#leap = { at: this.#now, by: milliseconds };
  }

  /** How much of the last minute was a jump: what was decided before it may be committed after it. */
  get leapt(): number {
    return this.#now - this.#leap.at < MINUTE ? this.#leap.by : 0;
  }

  /** Does something after some time, unless it is called off. */
  after(milliseconds: number, work: () => void): CallOff {
    const event: Event = { at: this.#now + milliseconds, sequence: this.#sequence, work };
    this.#sequence += 1;
    push(this.#heap, event);
    return () => {
      event.work = undefined;
    };
  }

  /** Resolves after some time. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(milliseconds, resolve);
    });
  }

  /** Runs events until `isOver`, or until this much time has passed, or nothing is left; tells whether it is over. */
  async run(isOver: () => boolean, atMost: number): Promise<boolean> {
    const end = this.#now + atMost;
    await drained();
    while (!isOver()) {
      const [next] = this.#heap;
      if (next === undefined || next.at > end) {
        this.#now = Math.max(this.#now, Math.min(end, next?.at ?? end));
        return isOver();
      }
      pop(this.#heap);
      if (next.work === undefined) continue;
      this.#now = Math.max(this.#now, next.at);
      next.work();
      await drained();
    }
    return true;
  }
}

const MINUTE = 60_000;

/** All microtasks have run. */
const drained = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.sequence < b.sequence);

function push(heap: Event[], event: Event): void {
  let at = heap.length;
  heap.push(event);
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up];
    if (parent === undefined || !isBefore(event, parent)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    const [first, second] = [heap[left], heap[left + 1]];
    if (first === undefined) break;
    const isSecond = second !== undefined && isBefore(second, first);
    const child = isSecond ? second : first;
    if (!isBefore(child, last)) break;
    heap[at] = child;
    at = isSecond ? left + 1 : left;
  }
  heap[at] = last;
}
