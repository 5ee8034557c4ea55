/** Ways to fill the wallet: an amount with one click, or another one. */
import { wholeMoney } from "../locale.ts";
import { button, make } from "../make.ts";

const WHOLE = ["1.00", "5.00", "20.00"] as const;

/** `fill` is given amounts as `"EUR 5.00"`; while it is at work nothing more is filled. */
export function topUpForm(currency: () => string, fill: (amount: string) => Promise<void>): HTMLElement {
  const field = make("input", {
    id: "amount",
    inputmode: "decimal",
    autocomplete: "off",
    maxlength: 16,
    placeholder: "2.50",
  });
  const submit = make("button", { type: "submit" }, "Top up");
  const form = make(
    "form",
    {},
    make("label", { for: "amount" }, "Other amount"),
    make("span", { class: "row" }, field, submit),
  );
  const row = make("div", { class: "row thirds", role: "group", "aria-label": "Top up" });
  let isFilling = false;
  const begin = async (amount: string): Promise<void> => {
    if (isFilling) return;
    const all = [...row.querySelectorAll("button"), submit];
    isFilling = true;
    for (const each of all) each.setAttribute("aria-disabled", "true");
    await fill(`${currency()} ${amount}`).finally(() => {
      isFilling = false;
      for (const each of all) each.removeAttribute("aria-disabled");
    });
  };
  row.append(
    ...WHOLE.map((amount) =>
      button(`+${wholeMoney(`${currency()} ${amount}`)}`, {}, () => void begin(amount)),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    // Whoever writes a comma for the point means the same.
    void begin(field.value.trim().replace(",", ".")).then(() => {
      field.value = "";
    });
  });
  return make(
    "div",
    { class: "fill" },
    row,
    make("details", {}, make("summary", {}, "Another amount"), form),
  );
}
