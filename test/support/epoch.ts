/** One more epoch in a table's partition of keys, as the broker's own custody reads it. */
import { keyItems, readKeyTable, wrappingContext } from "@lepta/lambdas/custody/key-items";
import { epochName, type Rotation } from "@lepta/lambdas/custody/rotate";
import { wrap } from "@lepta/lambdas/custody/wrapping";
import { thumbprint } from "@lepta/protocol";

export async function addEpoch({ store, keyService, runtime }: Rotation): Promise<number> {
  const { rootKey, dataKeys, epochs } = await readKeyTable(store);
  const wrapped = dataKeys.get("decide");
  if (rootKey === undefined || wrapped === undefined) throw new Error("the table has no keys yet");
  const context = wrappingContext(thumbprint(rootKey), "decide");
  const dataKey = await keyService.wrapper.unwrap(wrapped, context);
  const epoch = Math.max(0, ...epochs.keys()) + 1;
  const root = wrap(dataKey, epochName(epoch), runtime.random(32), runtime.random);
  const put = { wrapped: root, startedAt: runtime.now() };
  await store.commit([{ put, at: keyItems.epoch(epoch), expect: "absent" }]);
  return epoch;
}
