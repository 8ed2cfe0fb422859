// What the script adds to pages that work without it: colours without a reload, search while typing, "/" to search,
// forms that need no button, keys for the review, parts that follow what goes on, and charts that answer to the pointer.
import { keepLive } from "./live";
import { pressByKey } from "./review";
import { suggest, searchInPlace } from "./search";

document.documentElement.classList.add("scripted");

/** The theme link switches colours in place and keeps the choice in the cookie that the server reads. */
function switchColours(): void {
  const link = document.querySelector<HTMLAnchorElement>("#theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  if (!link) return;
  const isDark = () => (document.documentElement.dataset["theme"] ?? (prefersDark.matches ? "dark" : "light")) === "dark";
  const label = () => {
    link.textContent = (isDark() ? link.dataset["light"] : link.dataset["dark"]) ?? "";
  };
  label();
  prefersDark.addEventListener("change", label);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset["theme"] = theme;
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
    label();
    document.dispatchEvent(new Event("colours"));
  });
}

/** "/" puts the cursor into the search field, unless it already is in a field. */
function focusSearchWithSlash(): void {
  document.addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    const isTyping = target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName);
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    document.querySelector<HTMLInputElement>("#search")?.focus();
  });
}

/** Pickers take effect at once; choosing a metric lets the server choose its period. */
function submitOnChange(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("#league-form, .as-of")) {
    form.addEventListener("change", (event) => {
      const field = event.target as HTMLInputElement | HTMLSelectElement;
      if (field.type === "date" && field.value !== "" && Number.isNaN(Date.parse(field.value))) return;
      const reset = field.dataset["resets"];
      if (reset) form.querySelector<HTMLSelectElement>(`[name="${reset}"]`)?.setAttribute("disabled", "");
      form.requestSubmit();
    });
  }
}

switchColours();
focusSearchWithSlash();
submitOnChange();
suggest();
searchInPlace();
keepLive();
pressByKey();
if (document.querySelector("[data-chart]")) {
  void import("./charts").then(({ drawAll }) => drawAll());
}
