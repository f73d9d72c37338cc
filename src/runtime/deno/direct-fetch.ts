/** Fetch under Deno without the proxy that it takes from the environment by itself. */
import { type DenoHttpClientOptions, deno, fetchBy } from "./deno-global.ts";

/** A "proxy" that is the host itself, with the brackets of an IPv6 address: the one way to say "none" to a single client. Of plain HTTP only. */
export function directTo({ hostname, port }: URL): DenoHttpClientOptions {
  return { proxy: { transport: "tcp", hostname, port: Number(port || 80) } };
}

export async function fetchDirectly(url: string, init: RequestInit): Promise<Response> {
  using client = deno.createHttpClient(directTo(new URL(url)));
  const response = await fetchBy(client, url, init);
  const { status, headers } = response;
  // Whole: with the client ends the connection that the rest would come by.
  return new Response(await response.arrayBuffer(), { status, headers });
}
