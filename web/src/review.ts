// Keys for the review: each presses the button or follows the link that carries it, so that whatever can be done by key
// can be done without.

/** Whether a key press is meant for what is being typed, or for the browser. */
function isElsewhere(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  const isTyping = target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName);
  return isTyping || event.ctrlKey || event.metaKey || event.altKey || event.repeat;
}

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
    const element = isElsewhere(event) ? undefined : marked.get(event.key.toLowerCase());
    // One press is one answer: what follows is for the next pair, which is not there yet.
    if (!element || isSent) return;
    event.preventDefault();
    isSent = true;
    element.click();
  });
  // A page that comes back from the browser's memory answers again.
  addEventListener("pageshow", () => (isSent = false));
}
