// Parts of pages that change by themselves: asked for again every few seconds, for as long as somebody looks. What
// moves on its own can be halted, and what the visitor is in the middle of is left alone.

/** Pauses between looks, while something goes on, else, and after the server did not answer. */
const BUSY_MS = 2_000;
const IDLE_MS = 10_000;
const LOST_MS = 15_000;

class Live {
  private isHalted = false;
  private timer = 0;
  private readonly button = document.createElement("button");
  private readonly lost = document.createElement("p");

  constructor(private readonly part: HTMLElement) {
    this.button.type = "button";
    this.button.className = "quiet live-switch";
    this.button.addEventListener("click", () => this.halt(!this.isHalted));
    this.lost.className = "muted";
    this.lost.setAttribute("role", "status");
    part.before(this.button, this.lost);
    this.halt(false);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.isHalted) this.wait(0);
    });
  }

  private halt(isHalted: boolean): void {
    this.isHalted = isHalted;
    this.button.textContent = (isHalted ? this.part.dataset["go"] : this.part.dataset["pause"]) ?? "";
    clearTimeout(this.timer);
    if (!isHalted) this.wait();
  }

  private wait(ms = this.part.dataset["busy"] ? BUSY_MS : IDLE_MS): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.look(), ms);
  }

  private async look(): Promise<void> {
    if (document.hidden || this.isHalted) return;
    try {
      const response = await fetch(this.part.dataset["live"] ?? "", { signal: AbortSignal.timeout(LOST_MS) });
      if (!response.ok) throw new Error(`status ${response.status}`);
      this.take(new DOMParser().parseFromString(await response.text(), "text/html"));
      this.lost.textContent = "";
      this.wait();
    } catch {
      this.lost.textContent = this.part.dataset["lost"] ?? "";
      this.wait(LOST_MS);
    }
  }

  /** Puts in what is new, unless the visitor's focus or selection is inside. */
  private take(page: Document): void {
    const fresh = page.getElementById(this.part.id);
    if (!fresh || this.isHalted || this.part.contains(document.activeElement)) return;
    const selection = document.getSelection();
    if (selection && !selection.isCollapsed && selection.containsNode(this.part, true)) return;
    if (fresh.dataset["busy"]) this.part.dataset["busy"] = "true";
    else delete this.part.dataset["busy"];
    if (fresh.innerHTML === this.part.innerHTML) return;
    const scrolled = this.part.querySelector(".scroll")?.scrollLeft ?? 0;
    this.part.replaceChildren(...fresh.childNodes);
    const scroll = this.part.querySelector(".scroll");
    if (scroll) scroll.scrollLeft = scrolled;
  }
}

/** Follows every part of the page that says where it is to be had again. */
export function keepLive(): void {
  for (const part of document.querySelectorAll<HTMLElement>("[data-live]")) new Live(part);
}
