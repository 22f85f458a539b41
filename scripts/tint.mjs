// Compiles every WGSL file of a folder with Tint, in Dawn without a GPU: those of the
// base tier on a device with WebGPU's default limits and no feature, the others on one
// with the features that it has. usage: node tint.mjs FOLDER
import fs from 'node:fs';
import path from 'node:path';
import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);
const folder = process.argv[2];
// Devices end with the instance that they come from, so it is kept.
const gpu = create(['backend=null']);
const open = async (requiredFeatures) => (await gpu.requestAdapter()).requestDevice({ requiredFeatures });
const plain = await open([]);
const full = await open(['subgroups']);

async function mistakes(device, code) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  const found = messages.map((m) => `${m.type} in line ${m.lineNum}: ${m.message}`);
  try {
    await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  } catch (error) {
    found.push(error.message);
  }
  const error = await device.popErrorScope();
  return error ? [...found, error.message] : found;
}

// A judge that lets everything pass is none.
const broken = `var<workgroup> a: array<f32, 9>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) lane: u32) {
  if lane < 3u { workgroupBarrier(); }
  a[0] = 1.0;
}`;
const large = '@compute @workgroup_size(512) fn main() {}';
for (const code of [broken, large]) {
  if ((await mistakes(plain, code)).length === 0) {
    console.error(`Tint accepts what it must not:\n${code}`);
    process.exit(1);
  }
}

const files = fs.readdirSync(folder).filter((name) => name.endsWith('.wgsl')).sort();
const wrong = [];
for (const file of files) {
  const code = fs.readFileSync(path.join(folder, file), 'utf8');
  const device = file.endsWith('.base.wgsl') ? plain : full;
  const found = await mistakes(device, code);
  if (found.length > 0) wrong.push(`${file}: ${found.join('; ')}`);
}
console.log(`${files.length - wrong.length} of ${files.length} variants accepted`);
if (wrong.length > 0 || files.length < 60) {
  console.error(wrong.join('\n') || 'too few variants');
  process.exit(1);
}
process.exit(0);
