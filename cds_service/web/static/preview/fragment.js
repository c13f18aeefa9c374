// The state of the page lives in the fragment of its address, packed; a fragment is never sent to a server.

const LONGEST = 60_000;

/** @param {Uint8Array<ArrayBuffer>} bytes @param {GenericTransformStream} through */
async function piped(bytes, through) {
  const stream = new Blob([bytes]).stream().pipeThrough(/** @type {any} */ (through));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * The fragment for a state; null when it is too long for an address.
 * @param {unknown} state
 */
export async function packed(state) {
  const bytes = await piped(new TextEncoder().encode(JSON.stringify(state)), new CompressionStream("deflate-raw"));
  if (bytes.length * 4 / 3 > LONGEST) return null;
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return `#s=${btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

/**
 * The state of a fragment; null when it is none of ours.
 * @param {string} fragment
 * @returns {Promise<any>}
 */
export async function unpacked(fragment) {
  const simple = /^#fixture=([a-z0-9-]{1,80})$/.exec(fragment);
  if (simple) return { tab: "gallery", body: { fixture: simple[1] } };
  const match = /^#s=([\w-]+)$/.exec(fragment);
  if (!match?.[1]) return null;
  try {
    const text = atob(match[1].replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = await piped(Uint8Array.from(text, (one) => one.charCodeAt(0)), new DecompressionStream("deflate-raw"));
    const state = JSON.parse(new TextDecoder().decode(bytes));
    return state && typeof state === "object" && state.body && typeof state.body === "object" ? state : null;
  } catch {
    return null;
  }
}
