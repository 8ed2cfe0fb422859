// Keys for the review: each presses the button or follows the link that carries it, so that whatever can be done by key
// can be done without.
import { isElsewhere } from "./keys";

/** Lets keys press what is marked with them. */
export function pressByKey(): void {
  const marked = new Map<string, HTMLElement>();
  for (const element of document.querySelectorAll<HTMLElement>("[data-key]")) {
    const key = element.dataset["key"];
    if (key && !marked.has(key)) marked.set(key, element);
  }
  if (marked.size === 0) return;
  let isSent = false;
  document.addEventListener("keydown", (event) => {
    const element = isElsewhere(event) || event.repeat ? undefined : marked.get(event.key.toLowerCase());
    // One press is one answer: what follows is for the next pair, which is not there yet.
    if (!element || isSent) return;
    event.preventDefault();
    isSent = true;
    element.click();
  });
  // A page that comes back from the browser's memory answers again.
  addEventListener("pageshow", () => (isSent = false));
}
