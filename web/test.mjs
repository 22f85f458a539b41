// Uses the page in a browser as a person would: node test.mjs PAGE BLT CHROMIUM PLAYWRIGHT
//
// What the page shows is compared with what the program prints for the same model.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve } from "./serve.mjs";

const [folder, blt, browserPath, playwright, pictures] = process.argv.slice(2);
const { chromium } = await import(playwright);
const scratch = mkdtempSync(join(tmpdir(), "blt-page-"));
const samples = join(import.meta.dirname, "..", "assets", "samples");
if (pictures) mkdirSync(pictures, { recursive: true });

// Below a path, as on a host that serves other pages too.
const outside = join(scratch, "host");
mkdirSync(join(outside, "some"), { recursive: true });
execFileSync("cp", ["-r", folder, join(outside, "some", "where")]);
const server = await serve(outside, 0);
const page_at = `http://127.0.0.1:${server.address().port}/some/where/`;

const CHROMIUM = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
// Without a GPU browsers offer no WebGPU: one that draws with WebGL, and one that is made
// to run WebGPU in software, which is slow.
const BROWSERS = {
  cpu: { flags: [], bytes: 700, written: 24 },
  webgpu: { only: ["samples", "greedy", "lost device"], flags: ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--use-vulkan=swiftshader",
    "--use-angle=vulkan", "--use-webgpu-adapter=swiftshader"], bytes: 120, written: 12 },
};
const PATIENCE = 240_000;

// A page whose errors end the test.
async function opened(browser, address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 760 }, locale: "en-US", ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(page_at).origin });
  const page = await context.newPage();
  // The devices of the page, for whoever takes them away.
  await page.addInitScript(() => {
    globalThis.devices = [];
    if (!globalThis.GPUAdapter) return;
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...asked) {
      const device = await requestDevice.apply(this, asked);
      globalThis.devices.push(device);
      return device;
    };
  });
  page.wrong = [];
  page.asked = [];
  page.home = new URL(options.at ?? page_at).origin;
  page.on("console", (said) => said.type() === "error" && page.wrong.push(said.text()));
  page.on("pageerror", (error) => page.wrong.push(error.stack ?? error.message));
  page.on("request", (request) => page.asked.push(request.url()));
  // From now on dialogs come to the test, not to the screen.
  page.on("filechooser", () => {});
  await page.goto((options.at ?? page_at) + address);
  await page.waitForFunction(() => globalThis.blt || !document.getElementById("progress"), null, { timeout: PATIENCE });
  return page;
}

async function settled(page) {
  await page.waitForFunction(() => globalThis.blt?.settled, null, { timeout: PATIENCE, polling: 50 });
  assert.deepEqual(page.wrong, []);
}

// Waits for what keys make of the text: a slow browser takes them when it can.
async function shows(page, text) {
  const same = (text) => {
    const rows = globalThis.blt.records().split("\n").filter(Boolean).map((line) => JSON.parse(line));
    const bytes = rows.filter((row) => row.byte !== null).map((row) => row.byte);
    return new TextDecoder().decode(new Uint8Array(bytes)) === text;
  };
  await page.waitForFunction(same, text, { timeout: PATIENCE, polling: 100 });
  await settled(page);
}

// Puts the caret behind the text, and waits until the window knows.
async function at_end(page) {
  await page.mouse.click(300, 190);
  const frames = () => new Promise((done) => {
    let left = 6;
    const frame = () => (left-- ? requestAnimationFrame(frame) : done());
    frame();
  });
  await page.evaluate(frames);
  await page.keyboard.press("Control+End");
  await page.evaluate(frames);
}

// Lets go of a file or a folder on the page.
async function dropped(page, path) {
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) await devtools.send("Input.dispatchDragEvent", { type, x: 400, y: 300, data });
}

// What was asked for came from the page's own place: nothing is sent anywhere.
async function closed(page) {
  assert.deepEqual(page.wrong, []);
  assert.deepEqual(page.asked.filter((url) => !url.startsWith("data:") && new URL(url).origin !== page.home), []);
  await page.context().close();
}

async function records(page) {
  const lines = await page.evaluate(() => globalThis.blt.records());
  return parsed(lines);
}

// The last line is the prediction behind the text, of no byte.
const parsed = (lines) => lines.split("\n").filter(Boolean).map((line) => JSON.parse(line));
const starts_of = (all) => all.map((row) => row.start);
const bytes_of = (all) => Buffer.from(all.filter((row) => row.byte !== null).map((row) => row.byte));

function printed(command, bytes, ...options) {
  const out = execFileSync(blt, [command, "-q", "-m", join(folder, "model"), "--adapter", "cpu", ...options], { input: bytes, maxBuffer: 1 << 28 });
  return out.toString();
}

// The threshold of the page's model, in nats.
const theta = JSON.parse(readFileSync(join(folder, "model", "config.json"))).patching_threshold;

// Entropies within 1e-3, the same patches where no entropy lies as close to the threshold.
function agree(name, ours, theirs) {
  assert.equal(ours.length, theirs.length, name);
  theirs.forEach((byte, at) => {
    if (byte.entropy !== undefined && byte.entropy !== null)
      assert.ok(Math.abs(ours[at].entropy - byte.entropy) < 1e-3, `${name}: byte ${at} has ${ours[at].entropy}, not ${byte.entropy}`);
    if (byte.start !== undefined && Math.abs((byte.entropy ?? 0) - theta) > 1e-3)
      assert.equal(ours[at].start, byte.start, `${name}: the start at byte ${at}`);
  });
}

// Gives a model larger hash tables, of the same rows again and again, in a file of their own.
function with_large_tables(model) {
  const config = JSON.parse(readFileSync(join(model, "config.json")));
  const path = join(model, "model.safetensors");
  const all = readFileSync(path);
  const data = 8 + Number(all.readBigUInt64LE());
  const weight_map = {};
  const write = (file, tensors, parts) => {
    const header = Buffer.from(JSON.stringify(tensors));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(join(model, file), Buffer.concat([length, header, ...parts]));
    for (const name of Object.keys(tensors)) weight_map[name] = file;
  };
  const tensors = JSON.parse(all.subarray(8, data));
  delete tensors.__metadata__;
  const tables = "model.encoder_hash_tok_embedding.weight";
  const { shape: [rows, columns], data_offsets: [first, last] } = tensors[tables];
  const shape = [(rows / config.encoder_hash_byte_group_vocab) * 20_011, columns];
  const bytes = shape[0] * columns * 4;
  delete tensors[tables];
  const parts = [];
  let at = 0;
  for (const tensor of Object.values(tensors)) {
    const [from, to] = tensor.data_offsets;
    parts.push(all.subarray(data + from, data + to));
    tensor.data_offsets = [at, (at += to - from)];
  }
  write("rest.safetensors", tensors, parts);
  const again = Buffer.alloc(bytes, all.subarray(data + first, data + last));
  write("tables.safetensors", { [tables]: { dtype: "F32", shape, data_offsets: [0, bytes] } }, [again]);
  rmSync(path);
  writeFileSync(join(model, "model.safetensors.index.json"), JSON.stringify({ weight_map }));
  writeFileSync(join(model, "config.json"), JSON.stringify({ ...config, encoder_hash_byte_group_vocab: 20_011 }));
  return bytes;
}

const link_to = (bytes) => `#base64=${bytes.toString("base64url")}`;

const tests = {
  async "samples have the entropies and patches that blt prints"(browser, device) {
    const names = readdirSync(samples).filter((name) => name !== "SOURCES.md");
    for (const name of device === "cpu" ? names : ["english.txt", "random.bin"]) {
      const bytes = readFileSync(join(samples, name)).subarray(0, BROWSERS[device].bytes);
      const page = await opened(browser, `?device=${device}${link_to(bytes)}`);
      await settled(page);
      agree(`${name} with ${device}`, await records(page), parsed(printed("patch", bytes, "--format", "jsonl")));
      if (pictures && name === "english.txt") await page.screenshot({ path: join(pictures, `patch-${device}.png`) });
      await closed(page);
    }
  },

  async "what is typed is computed, also letter by letter of a syllable"(browser, device) {
    const page = await opened(browser, `?device=${device}#text=a`);
    await settled(page);
    await at_end(page);
    await page.keyboard.type(" quick fox ");
    await page.keyboard.press("Backspace");
    const devtools = await page.context().newCDPSession(page);
    for (const part of ["ㅎ", "하", "한"]) await devtools.send("Input.imeSetComposition", { text: part, selectionStart: part.length, selectionEnd: part.length });
    await devtools.send("Input.insertText", { text: "한" });
    await shows(page, "a quick fox한");
    const typed = bytes_of(await records(page));
    agree("typed", await records(page), parsed(printed("patch", typed, "--format", "jsonl")));
    await page.keyboard.press("Control+Z");
    // A slow browser gives the window several keys in one frame, and those are one step.
    const before = ["a quick fox", "a quick fox ", "a"];
    await page.waitForFunction((before) => {
      const rows = globalThis.blt.records().split("\n").filter(Boolean).map((line) => JSON.parse(line));
      const bytes = rows.filter((row) => row.byte !== null).map((row) => row.byte);
      return before.includes(new TextDecoder().decode(new Uint8Array(bytes)));
    }, before, { timeout: PATIENCE, polling: 100 });
    await settled(page);
    await closed(page);
  },

  async "a link carries text, threshold and mode, and is made"(browser, device) {
    const text = "The quick brown fox & 한글 = 100%";
    const page = await opened(browser, `?device=${device}#${new URLSearchParams({ text, theta: "1.5", mode: "both" })}`);
    await settled(page);
    const first = starts_of(await records(page));
    assert.deepEqual(first, starts_of(parsed(printed("patch", Buffer.from(text), "--format", "jsonl", "--mode", "both", "--threshold", "1.5", "--threshold-add", "0.2"))));
    // By the palette, as the menu says.
    await page.keyboard.press("Control+K");
    await page.waitForTimeout(200);
    await page.keyboard.type("copy a link");
    await page.waitForTimeout(200);
    await page.keyboard.press("Enter");
    await page.waitForTimeout(300);
    const link = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(link, /#text=The/);
    const again = await opened(browser, `?device=${device}${new URL(link).hash}`);
    await settled(again);
    assert.deepEqual(starts_of(await records(again)), first);
    await closed(again);
    await closed(page);
  },

  async "the threshold is dragged and the mode is changed"(browser, device) {
    const page = await opened(browser, `?device=${device}`);
    await settled(page);
    const before = (await records(page)).filter((byte) => byte.start).length;
    await page.mouse.move(400, 163);
    await page.mouse.down();
    await page.mouse.move(400, 150, { steps: 4 });
    await page.mouse.up();
    await page.waitForTimeout(200);
    const after = (await records(page)).filter((byte) => byte.start).length;
    assert.ok(after < before, `${before} starts, then ${after}`);
    await page.mouse.click(1079, 634);
    await page.waitForTimeout(200);
    await settled(page);
    const spaces = await records(page);
    assert.deepEqual(starts_of(spaces), starts_of(parsed(printed("patch", bytes_of(spaces), "--format", "jsonl", "--mode", "space"))));
    await closed(page);
  },

  async "greedy bytes are those of blt generate"(browser, device) {
    const prompt = "The old house at the end of the";
    const page = await opened(browser, `?device=${device}&screen=generate#${new URLSearchParams({ text: prompt })}`);
    await settled(page);
    await page.keyboard.press("F5");
    const { written } = BROWSERS[device];
    await page.waitForFunction((count) => globalThis.blt.written().length >= count, written, { timeout: PATIENCE, polling: 200 });
    const ours = Buffer.from(await page.evaluate(() => Array.from(globalThis.blt.written())));
    const theirs = execFileSync(blt, ["generate", "-q", "-m", join(folder, "model"), "--adapter", "cpu", "-p", prompt, "-n", String(written)]);
    assert.deepEqual(ours.subarray(0, written), theirs.subarray(0, written));
    await closed(page);
  },

  async "a file of 10 MB opens on the file screen, and lanes compare"(browser, device) {
    const page = await opened(browser, `?device=${device}`);
    await settled(page);
    const file = join(scratch, "large.txt");
    writeFileSync(file, "All happy families are alike. ".repeat(350_000));
    const choosing = page.waitForEvent("filechooser");
    await page.keyboard.press("Control+O");
    await (await choosing).setFiles(file);
    await page.waitForTimeout(2500);
    assert.deepEqual(await page.evaluate(() => globalThis.blt.notices), []);
    if (pictures) await page.screenshot({ path: join(pictures, `file-${device}.png`) });
    await page.mouse.click(298, 90);
    await page.waitForTimeout(1500);
    if (pictures) await page.screenshot({ path: join(pictures, `compare-${device}.png`) });
    await closed(page);
  },

  async "files and model folders are dropped"(browser, device) {
    const page = await opened(browser, `?device=${device}`);
    await settled(page);
    const text = join(scratch, "dropped.txt");
    writeFileSync(text, "Let go on the page.");
    await dropped(page, text);
    await shows(page, "Let go on the page.");
    const model = join(import.meta.dirname, "..", "tests", "oracle", "gqa");
    await dropped(page, model);
    const theirs = parsed(execFileSync(blt, ["patch", "-q", "-m", model, "--adapter", "cpu", "--format", "jsonl", "--file", text]).toString());
    const same = (nats) => {
      const ours = globalThis.blt.records().split("\n").filter(Boolean).map((line) => JSON.parse(line).entropy);
      return ours.length === nats.length && ours.every((entropy, at) => Math.abs(entropy - nats[at]) < 1e-3);
    };
    await page.waitForFunction(same, theirs.map((byte) => byte.entropy), { timeout: PATIENCE, polling: 100 });
    await settled(page);
    await closed(page);
  },

  async "a large model is read in pieces, and its tables stay in its files"(browser, device) {
    const model = join(scratch, "large-model");
    execFileSync(blt, ["convert", "-q", "-m", join(folder, "model"), "--dtype", "f32", model]);
    const tables = with_large_tables(model);
    const prompt = "The old house at the end of the";
    const page = await opened(browser, `?device=${device}&screen=generate#${new URLSearchParams({ text: prompt })}`);
    await settled(page);
    await page.evaluate(() => {
      globalThis.read = 0;
      const { arrayBuffer } = Blob.prototype;
      Blob.prototype.arrayBuffer = async function () {
        globalThis.read += this.size;
        return arrayBuffer.call(this);
      };
    });
    await dropped(page, model);
    await page.waitForFunction(() => globalThis.blt.model === "large-model", null, { timeout: PATIENCE, polling: 100 });
    await settled(page);
    await page.keyboard.press("F5");
    await page.waitForFunction(() => globalThis.blt.written().length >= 24, null, { timeout: PATIENCE, polling: 200 });
    const ours = Buffer.from(await page.evaluate(() => Array.from(globalThis.blt.written())));
    const theirs = execFileSync(blt, ["generate", "-q", "-m", model, "--adapter", "cpu", "-p", prompt, "-n", "24"]);
    assert.equal(ours.subarray(0, 24).toString(), theirs.subarray(0, 24).toString());
    const read = await page.evaluate(() => globalThis.read);
    assert.ok(read < 0.75 * tables, `${read} bytes were read, and the tables alone have ${tables}`);
    assert.deepEqual(await page.evaluate(() => globalThis.blt.notices), []);
    if (pictures) await page.screenshot({ path: join(pictures, `large-${device}.png`) });
    await closed(page);
  },

  async "a telephone: a tap brings the keyboard, a finger scrolls"(browser, device) {
    const text = "Words of a long text. ".repeat(30);
    const page = await opened(browser, `?device=${device}#${new URLSearchParams({ text })}`, { viewport: { width: 390, height: 760 }, hasTouch: true, isMobile: true });
    await settled(page);
    await page.touchscreen.tap(120, 300);
    await page.waitForFunction(() => document.activeElement?.tagName === "INPUT", null, { timeout: PATIENCE });
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Input.insertText", { text: "한 " });
    await page.waitForFunction(() => globalThis.blt.records().split("\n").filter(Boolean).length === 30 * 22 + 5, null, { timeout: PATIENCE, polling: 100 });
    await settled(page);
    const typed = bytes_of(await records(page)).toString();
    assert.equal(typed.replace("한 ", ""), text);
    const before = await page.screenshot(pictures ? { path: join(pictures, `telephone-${device}.png`) } : {});
    const finger = (type, y) => devtools.send("Input.dispatchTouchEvent", { type, touchPoints: y ? [{ x: 200, y }] : [] });
    await finger("touchStart", 400);
    await page.waitForTimeout(600);
    // Slower than the window is drawn.
    for (let y = 390; y >= 250; y -= 10) {
      await finger("touchMove", y);
      await page.waitForTimeout(150);
    }
    await finger("touchEnd");
    await page.waitForTimeout(1000);
    assert.notDeepEqual(await page.screenshot(), before);
    // Nothing is selected that typing would replace.
    await devtools.send("Input.insertText", { text: "둘 " });
    await shows(page, typed.replace("한 ", "한 둘 "));
    await closed(page);
  },

  async "text and settings are there at the next start"(browser, device) {
    const page = await opened(browser, `?device=${device}`);
    await settled(page);
    await at_end(page);
    await page.keyboard.type(" Kept.");
    await page.waitForTimeout(2500);
    await page.reload();
    await page.waitForFunction(() => globalThis.blt, null, { timeout: PATIENCE });
    await settled(page);
    const kept = bytes_of(await records(page)).toString();
    assert.match(kept, / Kept\.$/);
    await closed(page);
  },

  async "a lost device is opened again, and the text stays"(browser, device) {
    const page = await opened(browser, `?device=${device}#text=kept`);
    await settled(page);
    const before = await page.locator("#window").elementHandle();
    await page.evaluate((device) => {
      if (device === "cpu") document.getElementById("window").getContext("webgl2").getExtension("WEBGL_lose_context").loseContext();
      else globalThis.devices.forEach((device) => device.destroy());
    }, device);
    await page.mouse.move(400, 300);
    await page.waitForFunction((before) => document.getElementById("window") !== before && globalThis.blt.settled, before, { timeout: PATIENCE, polling: 50 });
    assert.match((await page.evaluate(() => globalThis.blt.notices)).join(), /opened again/);
    await at_end(page);
    await page.keyboard.type(" too");
    await shows(page, "kept too");
    agree("after a loss", await records(page), parsed(printed("patch", Buffer.from("kept too"), "--format", "jsonl")));
    if (pictures) await page.screenshot({ path: join(pictures, `lost-${device}.png`) });
    await closed(page);
  },

  async "Korean shows, and its font is loaded only then"(browser, device) {
    const page = await opened(browser, `?device=${device}#text=plain`);
    await settled(page);
    await page.waitForTimeout(300);
    assert.deepEqual(page.asked.filter((url) => url.includes("/fonts/")), []);
    await closed(page);
    const korean = await opened(browser, `?device=${device}#${new URLSearchParams({ text: "한글은 소리를 적는다" })}`, { locale: "ko-KR", colorScheme: "dark" });
    await settled(korean);
    await korean.waitForTimeout(1500);
    assert.ok(korean.asked.some((url) => url.endsWith("/fonts/korean.ttf")));
    assert.match(await korean.locator("#sentence").textContent(), /바이트/);
    if (pictures) await korean.screenshot({ path: join(pictures, `korean-${device}.png`) });
    await closed(korean);
  },

  async "a second load works without a network"(browser, device) {
    const own = await serve(outside, 0);
    const page = await opened(browser, `?device=${device}`, { at: `http://127.0.0.1:${own.address().port}/some/where/` });
    await settled(page);
    const before = await records(page);
    await page.evaluate(() => navigator.serviceWorker.ready);
    const is_kept = async () => Boolean(await caches.match(new URL("model/model.safetensors", location.href)));
    const end = Date.now() + PATIENCE;
    while (!(await page.evaluate(is_kept))) {
      assert.ok(Date.now() < end, "the page was not kept");
      await page.waitForTimeout(200);
    }
    own.closeAllConnections();
    await new Promise((closed) => own.close(closed));
    await page.reload();
    await page.waitForFunction(() => globalThis.blt, null, { timeout: PATIENCE });
    await settled(page);
    assert.deepEqual(await records(page), before);
    await closed(page);
  },
};

let failed = 0;
const wanted = process.env.BLT_PAGE_TEST ?? "";
// Beside each other: one browser mostly keeps one core busy.
await Promise.all(Object.entries(BROWSERS).map(async ([device, { flags, only }]) => {
  const browser = await chromium.launch({ executablePath: browserPath, args: [...CHROMIUM, ...flags] });
  for (const [name, test] of Object.entries(tests)) {
    if (!`${device}: ${name}`.includes(wanted)) continue;
    if (only && !only.some((part) => name.includes(part))) continue;
    const began = Date.now();
    try {
      await test(browser, device);
      console.log(`ok     ${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${device}: ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${device}: ${name}\n${error.stack}`);
    }
  }
  await browser.close();
}));
server.close();
rmSync(scratch, { recursive: true });
process.exit(failed ? 1 : 0);
