// What only the page can do.

// Reads a file of the page in pieces; `told` is told the bytes loaded of the total.
export async function fetched(url, told) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  // What is compressed on its way has another length there.
  const known = answer.headers.get("content-encoding") ? 0 : Number(answer.headers.get("content-length"));
  const pieces = [];
  let done = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done: over, value } = await reader.read();
    if (over) break;
    pieces.push(value);
    done += value.length;
    told(done, Math.max(known, done));
  }
  const all = new Uint8Array(done);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

// Hands a file to the browser's downloads.
export function download(name, bytes, type) {
  const address = URL.createObjectURL(new Blob([bytes], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

// Draws an SVG and hands it to the downloads as a PNG, two pixels for each of its own.
export async function download_png(name, svg) {
  const picture = new Image();
  picture.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = picture.naturalWidth * 2;
  canvas.height = picture.naturalHeight * 2;
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(picture.src);
  const png = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  download(name, new Uint8Array(await png.arrayBuffer()), "image/png");
}

// The most bytes of what is read at once: it is kept in the page's memory.
const MOST = 2 ** 30;
// Files of a folder that have more bytes are read in pieces, when these are needed.
const LARGE = 2 ** 24;
// By number: a folder may be opened again with other files of the same names.
const large_files = [];

// What a large file begins with: a header of safetensors, whose length comes first.
async function beginning(file) {
  const length = new DataView(await file.slice(0, 8).arrayBuffer()).getBigUint64(0, true);
  return file.slice(0, 8 + Math.min(Number(length), LARGE)).arrayBuffer();
}

// Reads files into lists of path and bytes; of a large file the first bytes, and its number
// and length.
async function contents(files) {
  const large = ([path, file]) => file.size > LARGE && path.includes("/");
  const whole = files.filter((file) => !large(file));
  const total = whole.reduce((sum, [, file]) => sum + file.size, 0);
  if (total > MOST) throw new Error(`a page can open up to 1 GiB beside the weights of a model, and this is ${(total / MOST).toFixed(1)} GiB; use the program instead`);
  return Promise.all(files.map(async ([path, file]) => {
    if (!large([path, file])) return [path, new Uint8Array(await file.arrayBuffer())];
    return [path, new Uint8Array(await beginning(file)), large_files.push(file) - 1, file.size];
  }));
}

// Reads ranges of a large file, from and to in turns, one after the other.
export async function ranges_of(number, ranges) {
  const file = large_files[number];
  const parts = [];
  for (let at = 0; at < ranges.length; at += 2) {
    // Neighbours are one part.
    const [from, to] = [ranges[at], ranges[at + 1]];
    const last = parts.at(-1);
    if (last && last[1] === from) last[1] = to;
    else parts.push([from, to]);
  }
  const blob = new Blob(parts.map(([from, to]) => file.slice(from, to)));
  return new Uint8Array(await blob.arrayBuffer());
}

// Asks for a file or a folder; resolves to the contents, none if it was cancelled.
export function picked(folder, accept) {
  return new Promise((resolve, reject) => {
    const input = document.createElement("input");
    input.type = "file";
    input.accept = accept;
    input.webkitdirectory = folder;
    input.addEventListener("change", () => {
      const files = Array.from(input.files, (file) => [file.webkitRelativePath || file.name, file]);
      contents(files).then(resolve, reject);
    });
    input.addEventListener("cancel", () => resolve([]));
    input.click();
  });
}

// All files below an entry of what was dropped.
async function below(entry) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) return [[path, await new Promise((resolve, reject) => entry.file(resolve, reject))]];
  const reader = entry.createReader();
  const all = [];
  for (;;) {
    // It gives a hundred at a time.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    for (const inner of some) all.push(...(await below(inner)));
  }
}

// Calls back for what is dropped onto a part of the page: with the names that were
// dropped, and the contents of all files below them; or with what went wrong.
export function on_drop(part, taken, failed) {
  part.addEventListener("drop", (event) => {
    const items = Array.from(event.dataTransfer.items, (item) => item.webkitGetAsEntry()).filter(Boolean);
    if (items.length === 0) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    // Nothing is over the window any more, which it hears from nobody else.
    part.dispatchEvent(new DragEvent("dragleave"));
    const names = items.map((item) => item.fullPath.replace(/^\//, ""));
    Promise.all(items.map(below))
      .then((files) => contents(files.flat()))
      .then((contents) => taken(names, contents))
      .catch((error) => failed(String(error.message ?? error)));
  }, true);
}

// Puts a fresh canvas in the place of one: a context that is lost stays with its canvas.
export function renewed(canvas) {
  const fresh = canvas.cloneNode();
  const focused = document.activeElement === canvas;
  canvas.replaceWith(fresh);
  if (focused) fresh.focus();
  return fresh;
}

// Calls back when a canvas loses its WebGL context.
export function on_context_lost(canvas, told) {
  canvas.addEventListener("webglcontextlost", () => told(), { once: true });
}

export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// Tells the page that the window has ended.
export function ended(why) {
  dispatchEvent(new CustomEvent("blt-ended", { detail: why }));
}

// A part of the address: what a link carries behind `#`, or what was asked behind `?`.
export function of_link(name) {
  const hash = new URLSearchParams(location.hash.slice(1));
  const query = new URLSearchParams(location.search);
  return hash.get(name) ?? query.get(name) ?? undefined;
}

// A link to this page that carries values.
export function link_with(names, values) {
  const hash = new URLSearchParams(names.map((name, at) => [name, values[at]]));
  const page = new URL(location.href);
  page.hash = hash.toString();
  return page.href;
}
