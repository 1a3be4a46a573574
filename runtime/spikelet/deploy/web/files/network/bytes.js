/* Data of the page: base64 text, zlib streams and blocks of tensors. */

/** Decode base64 text. Returns a Uint8Array. */
export function decodeBase64(text) {
  const binary = atob(text.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Decompress a zlib stream. Returns a Uint8Array. */
export async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const ARRAYS = { U8: Uint8Array, I8: Int8Array, I16: Int16Array, I32: Int32Array };

/** Read a block in the safetensors format. Returns a Map from names to {data, shape}. */
export function readTensors(bytes) {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const tensors = new Map();
  for (const [name, entry] of Object.entries(header)) {
    const [begin, end] = entry.data_offsets;
    const copy = bytes.slice(8 + length + begin, 8 + length + end); // a copy is aligned for every type
    tensors.set(name, { data: new ARRAYS[entry.dtype](copy.buffer), shape: entry.shape });
  }
  return tensors;
}

/** Return the bits of packed bytes as 0 or 1, the highest bit first. */
export function unpackBits(packed, count) {
  const bits = new Uint8Array(count);
  for (let i = 0; i < count; i++) bits[i] = (packed[i >> 3] >> (7 - (i & 7))) & 1;
  return bits;
}
