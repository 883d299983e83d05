/** Elements in a line each. */
type Child = Node | string | false | undefined;

type Properties = Record<string, string | number | boolean | undefined | ((event: Event) => void)>;

/** An element; properties that are functions listen, `true` and `false` set or leave out an attribute. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(
    ...children.filter((child): child is Node | string => child !== false && child !== undefined),
  );
  return element;
}

let ids = 0;
const fresh = () => `control-${++ids}`;

export interface Option {
  value: string;
  text: string;
  group?: string;
}

/** A labelled choice of one. */
export function choice(
  label: string,
  options: readonly Option[],
  value: string,
  onChange: (value: string) => void,
): HTMLElement {
  const id = fresh();
  const select = h("select", { id, change: () => onChange(select.value) });
  const groups = [...new Set(options.map(({ group }) => group))];
  for (const group of groups) {
    const own = options
      .filter((option) => option.group === group)
      .map((option) => h("option", { value: option.value, selected: option.value === value }, option.text));
    select.append(...(group === undefined ? own : [h("optgroup", { label: group }, ...own)]));
  }
  return h("div", {}, h("label", { for: id }, label), select);
}

/** Choices from their texts by value. */
export const optionsOf = (texts: Readonly<Record<string, string>>): Option[] =>
  Object.entries(texts).map(([value, text]) => ({ value, text }));

/** Choices and sliders side by side. */
export const controls = (...children: Child[]): HTMLElement => h("div", { class: "controls" }, ...children);

/** A labelled number on a line, with its value beside the label. */
export function slider(
  label: string,
  range: { min: number; max: number; step: number; value: number },
  onInput: (value: number) => void,
): HTMLElement {
  const id = fresh();
  const text = h("label", { for: id });
  const show = (value: number) => (text.textContent = `${label} ${minus(String(value))}`);
  const input = h("input", {
    id,
    type: "range",
    ...range,
    input: () => {
      show(Number(input.value));
      onInput(Number(input.value));
    },
  });
  show(range.value);
  return h("div", {}, text, input);
}

export interface TextTable {
  columns: readonly string[];
  rows: readonly (readonly (string | number)[])[];
}

export function table({ columns, rows }: TextTable, caption?: string): HTMLElement {
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption ?? "table" },
    h(
      "table",
      {},
      caption !== undefined && h("caption", { class: "soft" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...columns.map((column) => (column === "" ? h("td") : h("th", { scope: "col" }, column))),
        ),
      ),
      h(
        "tbody",
        {},
        ...rows.map(([first, ...rest]) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, String(first)),
            ...rest.map((value) => h("td", { class: "number" }, minus(String(value)))),
          ),
        ),
      ),
    ),
  );
}

/** A hyphen before a number as the minus that it is. */
export const minus = (text: string) => text.replace(/^-(?=\d)/, "−");

export const fixed = (value: number, digits = 1) => minus(value.toFixed(digits));

export const signed = (value: number, digits = 1) => (value < 0 ? "" : "+") + fixed(value, digits);
