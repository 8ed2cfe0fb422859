// Search while typing: suggestions below the field in the header, and results in place on the products page.
import { fetchRows } from "./fetching";

/** What a search finds. */
export interface Found {
  entity: string;
  kind: string;
  name: string;
  company: string | null;
  latest_period: string | null;
}

const WAIT_MS = 120;
const N_SUGGESTIONS = 8;

/** Calls `act` when typing has paused; results that arrive after newer typing are dropped. */
export function whenTyped(field: HTMLInputElement, act: (text: string, isCurrent: () => boolean) => Promise<void>): void {
  let timer = 0;
  let turn = 0;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    const mine = ++turn;
    timer = window.setTimeout(() => {
      act(field.value.trim(), () => mine === turn).catch((error: unknown) => console.warn("search failed", error));
    }, WAIT_MS);
  });
}

/** The as-of day and the language that this page's address names, for addresses that must carry them on. */
export function inAddress(): URLSearchParams {
  const here = new URLSearchParams(location.search);
  const query = new URLSearchParams();
  for (const name of ["as_of", "lang"]) {
    const value = here.get(name);
    if (value) query.set(name, value);
  }
  return query;
}

/** Products, companies and segments by a name, as of the page's day and in its language. */
export function find(text: string, limit: number): Promise<Found[]> {
  const query = inAddress();
  query.set("lang", document.documentElement.lang);
  query.set("search", text);
  query.set("limit", String(limit));
  return fetchRows<Found>("/products.json", query);
}

export function linkTo(found: Found): string {
  const folder = found.kind === "company" ? "company" : "product";
  const tail = inAddress().toString();
  return `/${folder}/${found.entity}${tail ? `?${tail}` : ""}`;
}

/** Suggestions below the field in the header; arrow keys choose, Enter opens, Escape closes. */
export function suggest(): void {
  const field = document.querySelector<HTMLInputElement>("#search");
  const box = document.querySelector<HTMLElement>("#suggestions");
  if (!field || !box) return;
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-controls", box.id);
  field.setAttribute("aria-expanded", "false");
  const show = (isShown: boolean) => {
    box.hidden = !isShown;
    field.setAttribute("aria-expanded", String(isShown));
  };
  const choose = (step: number) => {
    const links = [...box.querySelectorAll("a")];
    if (links.length === 0) return;
    const now = links.findIndex((link) => link.ariaSelected === "true");
    const next = (now + step + links.length + (now < 0 && step < 0 ? 1 : 0)) % links.length;
    links.forEach((link, index) => (link.ariaSelected = String(index === next)));
    field.setAttribute("aria-activedescendant", links[next]?.id ?? "");
  };
  whenTyped(field, async (text, isCurrent) => {
    if (text === "") return show(false);
    const found = await find(text, N_SUGGESTIONS);
    if (!isCurrent()) return;
    box.replaceChildren(...found.map(suggestion));
    show(found.length > 0);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape") {
      show(false);
    } else if (event.key === "Enter") {
      const chosen = box.querySelector<HTMLAnchorElement>('a[aria-selected="true"]');
      if (chosen && !box.hidden) {
        event.preventDefault();
        chosen.click();
      }
    }
  });
  document.addEventListener("click", (event) => {
    if (!box.parentElement?.contains(event.target as Node)) show(false);
  });
}

function suggestion(found: Found, index: number): HTMLElement {
  const link = document.createElement("a");
  link.href = linkTo(found);
  link.id = `suggestion-${index}`;
  link.role = "option";
  link.tabIndex = -1;
  const aside = document.createElement("small");
  aside.textContent = found.company ?? "";
  link.append(found.name, aside);
  return link;
}

/** On the products page results replace the table while typing; the address follows, so it can be shared. */
export function searchInPlace(): void {
  const form = document.querySelector<HTMLFormElement>("#product-search");
  const field = form?.querySelector<HTMLInputElement>('input[name="search"]');
  if (!form || !field) return;
  whenTyped(field, async (text, isCurrent) => {
    const address = new URL(location.href);
    address.searchParams.delete("offset");
    if (text) address.searchParams.set("search", text);
    else address.searchParams.delete("search");
    const response = await fetch(address);
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const results = page.querySelector("#product-results");
    if (!results || !isCurrent()) return;
    document.querySelector("#product-results")?.replaceWith(results);
    history.replaceState(null, "", address);
  });
}
