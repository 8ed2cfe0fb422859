// Commands to copy: a button beside each, where the browser lets a page write to the clipboard.

/** Shows the buttons, and copies what theirs is. */
export function offerCopies(): void {
  const clipboard: Clipboard | undefined = navigator.clipboard;
  if (!clipboard) return;
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      clipboard
        .writeText(button.dataset["copy"] ?? "")
        .then(() => (button.textContent = button.dataset["copied"] ?? ""))
        // The text stays there to be marked by hand.
        .catch(() => (button.hidden = true));
    });
  }
}
