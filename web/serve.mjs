// Serves a folder on this machine: node serve.mjs FOLDER [PORT]
import { createServer } from "node:http";
import { createReadStream, statSync } from "node:fs";
import { extname, join, normalize } from "node:path";

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".wasm": "application/wasm",
  ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png", ".txt": "text/plain; charset=utf-8" };

export function serve(folder, port) {
  const server = createServer((ask, answer) => {
    const { pathname } = new URL(ask.url, "http://localhost");
    const path = join(folder, normalize(decodeURIComponent(pathname)), pathname.endsWith("/") ? "index.html" : "");
    const found = path.startsWith(folder) && statSync(path, { throwIfNoEntry: false });
    if (!found || !found.isFile()) {
      answer.writeHead(404).end("not found\n");
      return;
    }
    answer.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream", "content-length": found.size });
    createReadStream(path).pipe(answer);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [folder, port] = process.argv.slice(2);
  try {
    const server = await serve(folder, Number(port ?? 8000));
    console.error(`http://127.0.0.1:${server.address().port}/`);
  } catch (error) {
    console.error(`The page cannot be served: ${error.message}`);
    process.exit(1);
  }
}
