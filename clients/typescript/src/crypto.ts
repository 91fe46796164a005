/** Web Crypto. It is global in browsers and from Node 19 on. */
export async function webCrypto(): Promise<Crypto> {
  if (globalThis.crypto !== undefined) return globalThis.crypto;
  return (await import("node:crypto")).webcrypto as unknown as Crypto;
}
