// Runs random worlds in WebAssembly and prints their digest: `node worlds.mjs FILE FIRST LAST`.

import { readFileSync } from "node:fs";
import process from "node:process";

/** What a module that is built without an operating system asks of its host: memory, random bytes, wide multiplication. */
function host() {
  let memory;
  // A free list for each power of two, taken from the end of the memory.
  const free = new Map();
  const sizes = new Map();
  let end = 0;

  function take(size) {
    const list = free.get(size);
    if (list?.length > 0) return list.pop();
    if (end === 0) end = memory.buffer.byteLength;
    const start = Math.ceil(end / 16) * 16;
    end = start + size;
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536) + 64);
    return start;
  }

  const imports = {
    posix_memalign(result, alignment, wanted) {
      if (alignment > 16) throw new Error(`an alignment of ${alignment}`);
      const size = Math.max(16, 2 ** Math.ceil(Math.log2(wanted)));
      const address = take(size);
      sizes.set(address, size);
      new DataView(memory.buffer).setUint32(result, address, true);
      return 0;
    },
    free(address) {
      if (address === 0) return;
      const size = sizes.get(address);
      if (size === undefined) throw new Error("what was never taken is given back");
      sizes.delete(address);
      if (!free.has(size)) free.set(size, []);
      free.get(size).push(address);
    },
    // Seeds of hash tables; a world takes all its chances from its own seed.
    arc4random_buf(address, count) {
      crypto.getRandomValues(new Uint8Array(memory.buffer, address, count));
    },
    __multi3(result, low, high, otherLow, otherHigh) {
      const mask = (1n << 64n) - 1n;
      const wide = (least, most) => (least & mask) | ((most & mask) << 64n);
      const product = wide(low, high) * wide(otherLow, otherHigh);
      const view = new DataView(memory.buffer);
      view.setBigUint64(result, product & mask, true);
      view.setBigUint64(result + 8, (product >> 64n) & mask, true);
    },
    __stack_chk_fail() {
      throw new Error("the stack is damaged");
    },
  };
  return {
    imports,
    use(exported) {
      memory = exported;
    },
    held: () => sizes.size,
  };
}

const [file, first, last] = process.argv.slice(2);
const machine = host();
const program = new WebAssembly.Module(readFileSync(file));
const instance = new WebAssembly.Instance(program, { env: machine.imports });
machine.use(instance.exports.memory);
let digest = 0n;
for (let seed = BigInt(first); seed <= BigInt(last); seed += 1n) {
  digest = BigInt.asUintN(64, digest + instance.exports.contribution(seed));
}
if (machine.held() > 0) console.error(`${machine.held()} pieces of memory were not given back`);
console.log(digest.toString(16).padStart(16, "0"));
