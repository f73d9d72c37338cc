/** Fetch without the proxy that it takes from the environment by itself. */

/** The runtime takes `false` for "none", which its types do not know. */
const DIRECT = { proxy: false as never } as const;

export function fetchDirectly(url: string, init: BunFetchRequestInit): Promise<Response> {
  return fetch(url, { ...init, ...DIRECT });
}
