// What the script adds to pages that work without it: colours without a reload, search while typing, keys, forms that
// need no button, parts that follow what goes on, charts that answer to the pointer, and pictures of them.
import { offerCopies } from "./copy";
import { listenToKeys } from "./keys";
import { keepLive } from "./live";
import { offerPictures } from "./pictures";
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
listenToKeys();
submitOnChange();
suggest();
searchInPlace();
keepLive();
pressByKey();
offerPictures();
offerCopies();
if (document.querySelector("[data-chart]")) {
  void import("./charts").then(({ drawAll }) => drawAll());
}
