/** The customers' end: each with a connection and VendorScrip of its own, which it spends one purchase after another. */
import { answerCalls, type CustomerCalls } from "./calls.ts";
import { BenchCustomer } from "./customer.ts";
import { applyLoad } from "./load.ts";
import { loadSuite } from "./suites.ts";

const customers: BenchCustomer[] = [];

answerCalls({
  start: async ({ broker, suite, url, connections }) => {
    const loaded = await loadSuite(suite);
    for (let i = 0; i < connections; i += 1)
      customers.push(await BenchCustomer.open({ broker, suite: loaded, url }));
  },
  load: (seconds) =>
    applyLoad(
      customers.map((customer) => () => customer.buy()),
      seconds,
    ),
  frameBytes: async () => {
    const [customer] = customers;
    if (customer === undefined) throw new Error("start comes first");
    await customer.buy();
    return customer.frameBytes;
  },
} satisfies CustomerCalls);
