// Starts the program in the page, and says how far it is.
import init, { start } from "./blt_web.js";

const of = (id) => document.getElementById(id);

// The page around the window, in the user's language.
if (navigator.language.startsWith("ko")) {
  document.documentElement.lang = "ko";
  of("title").textContent = "바이트 잠재 변환기 (BLT)";
  of("sentence").textContent = "글을 쓰면 작은 모델이 다음 바이트를 확신하지 못하는 곳에서 패치를 나눕니다. 아무것도 이 페이지를 떠나지 않습니다.";
  of("card").textContent = "모델 카드";
  of("licence").textContent = "라이선스";
  of("source").textContent = "소스";
  of("said").textContent = "프로그램을 불러오는 중…";
}

function failed(error) {
  console.error(error);
  of("state").hidden = false;
  of("progress")?.remove();
  of("said").textContent = `The window could not be opened: ${error.message ?? error}`;
}

addEventListener("blt-ended", (event) => failed(event.detail));

// The program's bytes, counted as they come.
async function program() {
  const answer = await fetch(new URL("blt_web_bg.wasm", import.meta.url));
  if (!answer.ok) throw new Error(`the program is not there: ${answer.status} ${answer.statusText}`);
  const total = Number(document.documentElement.dataset.bytes);
  let done = 0;
  const counted = answer.body.pipeThrough(new TransformStream({
    transform(piece, out) {
      done += piece.length;
      if (total) of("progress").value = Math.min(done / total, 1);
      out.enqueue(piece);
    },
  }));
  return new Response(counted, { headers: { "content-type": "application/wasm" } });
}

// Keeps what was loaded for offline use. Plain HTTP has no service workers, and one that is
// active already keeps what it fetches.
async function kept() {
  if (!navigator.serviceWorker || navigator.serviceWorker.controller) return;
  const { scope } = await navigator.serviceWorker.register("offline.js");
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name.split(/[?#]/)[0]);
  const cache = await caches.open(`blt ${scope}`);
  await cache.addAll([scope, ...new Set(loaded.filter((address) => address.startsWith(scope) && address !== scope))]);
}

try {
  await init({ module_or_path: program() });
  const canvas = of("window");
  // For whoever scripts the page.
  globalThis.blt = await start(canvas);
  of("state").hidden = true;
  canvas.focus();
  // Once nothing else is loading.
  setTimeout(() => kept().catch(console.warn), 5000);
} catch (error) {
  failed(error);
}
