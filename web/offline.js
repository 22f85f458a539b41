// Keeps the page for offline use; with a network everything is fetched from it. What the
// first visit loads before this worker runs, `page.js` puts into the cache.
const kept = () => caches.open(`blt ${registration.scope}`);

addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(registration.scope) && !url.endsWith(".tar.gz")) event.respondWith(answer(event));
});

async function answer(event) {
  const cache = await kept();
  // What stands behind `?` is for the program: it is one page.
  const [address] = event.request.url.split(/[?#]/);
  try {
    const found = await fetch(event.request);
    if (found.ok) event.waitUntil(cache.put(address, found.clone()).catch(() => {}));
    return found;
  } catch (error) {
    const known = await cache.match(address);
    if (known) return known;
    throw error;
  }
}
