// Keys: "/" to search, "." for the day to look back from, "g" and a letter to go to a page, "?" for the list of them, and
// Ctrl-K or ⌘-K for the palette, which is loaded when it is wanted. Whatever a key does, a link or a button on the page
// does as well. Single keys can be switched off (WCAG 2.1.4): people who speak to their computers, or whose fingers
// stray, press them without meaning to.

const SETTING = "crowsnest-single-keys";
const WAIT_MS = 1_500;

/** Whether single keys do something. */
export function areOn(): boolean {
  try {
    return localStorage.getItem(SETTING) !== "off";
  } catch {
    return true;
  }
}

/** Switches single keys on or off in this browser. */
export function switchKeys(isOn: boolean): void {
  try {
    localStorage.setItem(SETTING, isOn ? "on" : "off");
  } catch {
    // A browser that keeps nothing keeps the keys on.
  }
}

/** Whether a single key is meant for what is being typed, for the browser, for a dialog, or for nothing. */
export function isElsewhere(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  const isBox = target instanceof HTMLInputElement && /^(checkbox|radio|button|submit)$/.test(target.type);
  const isTyping = target.isContentEditable || (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) && !isBox);
  const isInDialog = document.querySelector("dialog[open]") !== null;
  return !areOn() || isTyping || isInDialog || event.ctrlKey || event.metaKey || event.altKey || event.isComposing;
}

/** What is typed while the palette is on its way; it is not for the page. */
let typed: string | undefined;

function open(what: "palette" | "keys"): void {
  typed = "";
  import("./palette")
    .then((palette) => {
      const text = typed ?? "";
      typed = undefined;
      if (what === "palette") palette.openPalette(text);
      else palette.openKeys();
    })
    .catch(() => {
      typed = undefined;
      // The page without the script does the same.
      document.querySelector<HTMLAnchorElement>("#palette")?.click();
    });
}

/** Follows the link that carries a letter, as "g" and that letter. */
function goTo(letter: string): boolean {
  const link = document.querySelector<HTMLAnchorElement>(`[data-go="${CSS.escape(letter)}"]`);
  link?.click();
  return link !== null;
}

/** Listens to keys on the whole page. */
export function listenToKeys(): void {
  const shown = document.querySelector<HTMLElement>("#palette kbd");
  if (shown && /Mac|iPhone|iPad/.test(navigator.userAgent)) shown.textContent = "⌘ K";
  let goUntil = 0;
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open("palette");
      return;
    }
    if (typed !== undefined) {
      if (event.key.length === 1) typed += event.key;
      event.preventDefault();
      return;
    }
    if (isElsewhere(event)) return;
    const isGoing = event.timeStamp < goUntil;
    goUntil = 0;
    if (isGoing && goTo(event.key.toLowerCase())) {
      event.preventDefault();
      // The same letter may be a key of the page itself.
      event.stopImmediatePropagation();
      return;
    }
    if (event.key === "g") goUntil = event.timeStamp + WAIT_MS;
    else if (event.key === "/") focus(event, "#search");
    else if (event.key === ".") focus(event, "#as-of");
    else if (event.key === "?") {
      event.preventDefault();
      open("keys");
    }
  });
  document.querySelector("#palette")?.addEventListener("click", (event) => {
    const { ctrlKey, metaKey, shiftKey, isTrusted } = event as MouseEvent;
    if (!isTrusted || ctrlKey || metaKey || shiftKey) return;
    event.preventDefault();
    open("palette");
  });
}

function focus(event: KeyboardEvent, field: string): void {
  event.preventDefault();
  document.querySelector<HTMLInputElement>(field)?.focus();
}
