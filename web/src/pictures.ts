// Charts as PNG: the server's SVG, drawn twice as large by the browser. Nothing leaves the machine.

const SCALE = 2;

/** Shows the links to pictures that only a script can make. */
export function offerPictures(): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a[data-png]")) {
    link.hidden = false;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      // Where the browser cannot, the SVG is there.
      save(link).catch(() => location.assign(link.href));
    });
  }
}

async function save(link: HTMLAnchorElement): Promise<void> {
  const blob = await png(link.href);
  const saved = document.createElement("a");
  saved.href = URL.createObjectURL(blob);
  saved.download = `${link.dataset["png"] ?? "chart"}.png`;
  saved.click();
  setTimeout(() => URL.revokeObjectURL(saved.href), 10_000);
}

async function png(address: string): Promise<Blob> {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth * SCALE;
  canvas.height = image.naturalHeight * SCALE;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser draws no pictures");
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
  if (!blob) throw new Error("the picture could not be made");
  return blob;
}
