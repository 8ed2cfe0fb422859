// The command palette: pages, products, metrics, saved views and what can be switched, by typing. And the list of keys.
//
// In: /palette.json (pages, metrics, the visitor's saved views, keys), the search that exists, and the page's own links and
// fields for actions. Both are modal dialogs, so that the browser keeps the focus inside, makes the rest inert, closes
// them by Escape and gives the focus back.
import { fetchRows, once } from "./fetching";
import { areOn, switchKeys } from "./keys";
import { find, inAddress, linkTo, whenTyped } from "./search";

/** A line of /palette.json. */
interface Line {
  group: string;
  title: string;
  label: string;
  address: string | null;
  key: string | null;
}

/** Something that can be chosen. */
interface Item {
  title: string;
  label: string;
  aside: string;
  act(): void;
}

const N_SHOWN = 40;
const N_PRODUCTS = 8;

/** Fetched once a page: the palette of another language or day is another page's. */
const fetchLines = once(() => fetchRows<Line>("/palette.json", inAddress()));

/** A phrase that the server wrote into the page. */
function say(name: string): string {
  return document.querySelector<HTMLElement>("#palette")?.dataset[name] ?? name;
}

function element<K extends keyof HTMLElementTagNameMap>(tag: K, className = "", text = ""): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/** A modal dialog with a heading and a button that closes it; gone once it is closed. */
function dialog(id: string, title: string): HTMLDialogElement | undefined {
  if (document.querySelector("dialog[open]")) return undefined;
  const box = element("dialog", "palette");
  box.id = id;
  box.setAttribute("aria-labelledby", `${id}-title`);
  const heading = element("h2", "", title);
  heading.id = `${id}-title`;
  const close = element("button", "quiet close", "×");
  close.type = "button";
  close.setAttribute("aria-label", say("close"));
  close.addEventListener("click", () => box.close());
  const head = element("div", "head");
  head.append(heading, close);
  box.append(head);
  // A click beside it closes it: only the backdrop is the dialog itself.
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close();
  });
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  return box;
}

/** What the page itself offers: its own links and fields, under its own words. */
function actions(): Item[] {
  const title = say("actions");
  const found: Item[] = [];
  const add = (label: string, aside: string, act: () => void) => {
    if (label) found.push({ title, label, aside, act });
  };
  for (const link of document.querySelectorAll<HTMLAnchorElement>(".languages a")) {
    const names = new Intl.DisplayNames([link.lang], { type: "language" });
    add(`${link.parentElement?.getAttribute("aria-label") ?? ""}: ${names.of(link.lang) ?? link.lang}`, "", () => link.click());
  }
  const theme = document.querySelector<HTMLAnchorElement>("#theme");
  if (theme) add(`${(theme.getAttribute("aria-label") ?? "").split(":")[0]}: ${theme.textContent}`, "", () => theme.click());
  const asOf = document.querySelector<HTMLInputElement>("#as-of");
  if (asOf) add(asOf.labels?.[0]?.textContent ?? "", ".", () => asOf.focus());
  const back = document.querySelector<HTMLAnchorElement>(".as-of-note a");
  if (back) add(back.textContent ?? "", "", () => back.click());
  const save = document.querySelector<HTMLButtonElement>("#save-view button");
  if (save) add(save.textContent ?? "", "", () => save.click());
  add(say("keys"), "?", openKeys);
  add(say("print"), "", () => print());
  return found;
}

function fits(item: Item, words: string[]): boolean {
  const text = `${item.label} ${item.title}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/** Opens the palette, with what was typed already. */
export function openPalette(typed = ""): void {
  const box = dialog("command-palette", say("title"));
  if (!box) return;
  const field = element("input");
  field.type = "text";
  field.autocomplete = "off";
  field.spellcheck = false;
  field.placeholder = say("placeholder");
  field.setAttribute("aria-label", say("placeholder"));
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-expanded", "true");
  field.setAttribute("aria-controls", "palette-list");
  field.setAttribute("aria-autocomplete", "list");
  const list = element("div", "list");
  list.id = "palette-list";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", say("title"));
  const told = element("p", "muted told");
  told.setAttribute("role", "status");
  box.append(field, list, told);

  let own: Item[] = actions();
  let products: Item[] = [];
  let shown: Item[] = [];
  let chosen = 0;

  const choose = (next: number) => {
    const options = [...list.querySelectorAll<HTMLElement>('[role="option"]')];
    chosen = options.length === 0 ? 0 : (next + options.length) % options.length;
    options.forEach((option, index) => option.setAttribute("aria-selected", String(index === chosen)));
    const option = options[chosen];
    if (option) field.setAttribute("aria-activedescendant", option.id);
    else field.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };
  const act = (item: Item | undefined) => {
    if (!item) return;
    box.close();
    item.act();
  };
  const show = () => {
    const text = field.value.trim().toLowerCase();
    const words = text.split(/\s+/).filter((word) => word !== "");
    const fitting = own.filter((item) => fits(item, words));
    // What is called so, word for word, is meant before what has the words in it.
    fitting.sort((one, other) => Number(other.label.toLowerCase() === text) - Number(one.label.toLowerCase() === text));
    shown = [...fitting, ...(words.length > 0 ? products : [])].slice(0, N_SHOWN);
    // Groups stand together, and what is found by name stands first.
    const titles = [...new Set([...(words.length > 0 ? products : []), ...shown].map((item) => item.title))];
    shown = titles.flatMap((title) => shown.filter((item) => item.title === title));
    list.replaceChildren(...titles.map((title) => group(title, shown, act)));
    told.textContent = shown.length === 0 ? say("none") : "";
    choose(0);
  };
  field.addEventListener("input", show);
  whenTyped(field, async (text, isCurrent) => {
    const found = text === "" ? [] : await search(text).catch(() => []);
    if (!isCurrent()) return;
    products = found;
    show();
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const steps: Record<string, number> = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, PageDown: chosen + 8, PageUp: chosen - 8 };
    const next = steps[event.key];
    if (next !== undefined) {
      event.preventDefault();
      choose(event.key.startsWith("Page") ? Math.max(0, Math.min(shown.length - 1, next)) : next);
    } else if (event.key === "Enter") {
      event.preventDefault();
      act(shown[chosen]);
    }
  });
  field.value = typed;
  show();
  box.showModal();
  field.focus();
  if (typed) field.dispatchEvent(new Event("input"));
  fetchLines()
    .then((found) => {
      own = [...found.filter((line) => line.address).map(item), ...actions()];
      show();
    })
    .catch(() => {
      told.textContent = say("lost");
    });
}

function item(line: Line): Item {
  return { title: line.title, label: line.label, aside: line.key ?? "", act: () => location.assign(line.address ?? "/") };
}

async function search(text: string): Promise<Item[]> {
  const found = await find(text, N_PRODUCTS);
  return found.map((one) => ({
    title: say("products"),
    label: one.name,
    aside: one.company ?? "",
    act: () => location.assign(linkTo(one)),
  }));
}

function group(title: string, shown: Item[], act: (item: Item) => void): HTMLElement {
  const box = element("div");
  box.setAttribute("role", "group");
  const heading = element("h3", "", title);
  heading.setAttribute("role", "presentation");
  box.setAttribute("aria-label", title);
  box.append(heading);
  shown.forEach((item, index) => {
    if (item.title !== title) return;
    const option = element("div", "option");
    option.id = `palette-option-${index}`;
    option.setAttribute("role", "option");
    option.append(element("span", "", item.label));
    if (item.aside) option.append(element("small", "", item.aside));
    option.addEventListener("click", () => act(item));
    box.append(option);
  });
  return box;
}

/** Opens the list of keys. */
export function openKeys(): void {
  const box = dialog("key-list", say("keys"));
  if (!box) return;
  const label = element("label", "check");
  const switching = element("input");
  switching.type = "checkbox";
  switching.checked = areOn();
  switching.addEventListener("change", () => switchKeys(switching.checked));
  label.append(switching, say("single"));
  const list = element("dl", "keys");
  box.append(list, label);
  box.showModal();
  fetchLines()
    .then((found) => {
      for (const line of found.filter((one) => one.key)) {
        const key = element("dt");
        for (const part of (line.key ?? "").split(" ")) key.append(element("kbd", "", part), " ");
        list.append(key, element("dd", "", line.label));
      }
    })
    .catch(() => list.append(element("dd", "", say("lost"))));
}
