/** The comparators' customers: each with a connection and scrips of its own, which it spends one purchase after another. */
import { answerCalls, type CustomerCalls } from "./calls.ts";
import { openCustomer } from "./customer.ts";
import { itself } from "./itself.ts";
import { applyLoad, type Exchange } from "./load.ts";
import { loadSuite } from "./suites.ts";

const customers: (readonly Exchange[])[] = [];
let bought = 0;

const counted =
  (buy: Exchange): Exchange =>
  async () => {
    await buy();
    bought += 1;
  };

answerCalls({
  ...itself,
  start: async ({ broker, suite, url, connections, scrips }) => {
    const loaded = await loadSuite(suite);
    // Side by side, as the broker has a core of its own.
    const opening = Array.from({ length: connections }, () =>
      openCustomer({ broker, suite: loaded, url, scrips }),
    );
    for (const scrip of await Promise.all(opening)) customers.push(scrip.map(counted));
  },
  load: ({ seconds, depth }) =>
    applyLoad(
      customers.flatMap((scrips) => {
        if (scrips.length < depth)
          throw new Error(`${scrips.length} scrips cannot be spent ${depth} at once`);
        return scrips.slice(0, depth);
      }),
      seconds,
    ),
  tidy: async () => {},
  finish: async () => bought,
} satisfies CustomerCalls);
