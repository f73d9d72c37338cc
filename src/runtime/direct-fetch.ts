/** How fetch is told to leave out the proxy that it takes from the environment by itself. */

/** Left to itself it would ask the proxy for this very host too, unless NO_PROXY names it. */
export function proxyOptionFor(url: string): { readonly proxy?: never } {
  return isLoopback(new URL(url).hostname) ? DIRECT : {};
}

/** The runtime takes `false` for "none", which its types do not know. */
export const DIRECT = { proxy: false as never } as const;

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname);
}
